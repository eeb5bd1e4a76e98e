import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { planKinds } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import type { DeterminismAnswer } from '../src/determinism/determinism-main.ts'

const program = fileURLToPath(new URL('../src/determinism/determinism-main.ts', import.meta.url))
/** Also run by the tests of properties, which demand that nothing is violated. */
const seeds = [5]
const limitMs = 240_000

interface Surroundings {
  readonly workers: number
  readonly order: 'forward' | 'backward'
  readonly folder: string
  readonly variables: Readonly<Record<string, string>>
}

function runIn({ workers, order, folder, variables }: Surroundings): Promise<DeterminismAnswer> {
  const runs = planKinds.flatMap((kind) => seeds.map((seed) => `${kind}:${seed}`))
  const commandLine = [program, String(workers), order, ...runs]
  const options = { cwd: folder, env: { ...process.env, ...variables } }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, commandLine, options, (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout) as DeterminismAnswer)
      else reject(error)
    })
  })
}

const sorted = ({ replayed }: DeterminismAnswer) =>
  replayed.toSorted((a, b) => a.kind.localeCompare(b.kind) || a.seed - b.seed)

test('plans of every kind give the same events, effects and histories in two processes that differ in time zone, language, folder, order and threads', {
  timeout: limitMs,
}, async () => {
  const [alone, among] = await Promise.all([
    runIn({
      workers: 0,
      order: 'forward',
      folder: tmpdir(),
      variables: { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
    }),
    runIn({
      workers: 2,
      order: 'backward',
      folder: import.meta.dirname,
      variables: { TZ: 'America/St_Johns', LANG: 'sv_SE.UTF-8', LC_ALL: 'sv_SE.UTF-8' },
    }),
  ])
  expect(alone.place.zone).not.toBe(among.place.zone)
  expect(alone.place.language).not.toBe(among.place.language)
  expect(alone.place.folder).not.toBe(among.place.folder)
  expect(alone.replayed.length).toBe(planKinds.length * seeds.length)
  expect(new Set(alone.replayed.map(({ hash }) => hash)).size).toBe(alone.replayed.length)
  expect(sorted(among)).toEqual(sorted(alone))
})
