// Child process that hunts one mutant of table.ts: patches the source while it loads, then explores
// or plays random schedules from a fixed seed, as the table says, and prints one line of JSON: what
// was violated, or nothing, and after how many worlds or schedules.
import fc from 'fast-check'
import { patchSources } from './loader.ts'
import { mutants } from './table.ts'

export interface Catch {
  readonly violation: string | undefined
  readonly tries: number
}

/** A schedule of this seed is the first one. */
const firstSeed = 20_261

async function hunt(name: string | undefined, budget: number): Promise<Catch> {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`no mutant ${name}`)
  const loadedTimes = patchSources(mutant)
  const { explore } = await import('../explore/explore.ts')
  const { bounds } = await import('../explore/bounds.ts')
  const { play } = await import('../run.ts')
  const { anySchedule } = await import('../schedule.ts')
  if (loadedTimes() !== 1) throw new Error(`${mutant.file} was loaded ${loadedTimes()} times`)
  if (mutant.by !== 'schedules') {
    const { violation, worlds } = explore(bounds[mutant.by])
    return { violation, tries: worlds }
  }
  let tries = 0
  for (const schedule of fc.sample(anySchedule, { seed: firstSeed, numRuns: budget })) {
    tries++
    try {
      play(schedule)
    } catch (error) {
      return { violation: (error as Error).message, tries }
    }
  }
  return { violation: undefined, tries }
}

const [name, budget] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await hunt(name, Number(budget)))}\n`)
