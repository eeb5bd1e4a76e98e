// `npm run chaos -- …`: the commands `quorate chaos …` of this working tree, and long runs of its own,
// each with a word: storage, membership and processes (real processes), mutants (bugs put in on purpose).
import { pathToFileURL } from 'node:url'
import { quorateScript } from 'quorate/laboratory'
import { mutantsChaos, mutantsUsage } from './mutants/mutants-chaos.ts'
import { membershipChaos, membershipUsage } from './process/membership-chaos.ts'
import { processesChaos, processesUsage } from './process/processes-chaos.ts'
import { storageChaos, storageUsage } from './process/storage-chaos.ts'

const ownRuns: Readonly<Record<string, (commandLine: readonly string[]) => Promise<number>>> = {
  storage: storageChaos,
  membership: membershipChaos,
  mutants: mutantsChaos,
  processes: processesChaos,
}

const [first = '', ...rest] = process.argv.slice(2)
const run = Object.hasOwn(ownRuns, first) ? ownRuns[first] : undefined
if (run === undefined) {
  // npm runs scripts in the repository's folder: names of files are meant from where the user stands.
  process.chdir(process.env['INIT_CWD'] ?? '.')
  process.argv.splice(2, 0, 'chaos')
  await import(pathToFileURL(quorateScript).href)
} else {
  process.exitCode = await run(rest).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error)
    const usages = [storageUsage, membershipUsage, processesUsage, mutantsUsage]
    process.stderr.write(`${[text, ...usages].join('\n\n')}\n`)
    return 2
  })
}
