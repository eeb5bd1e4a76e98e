import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parsePlan, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { patchedText } from '../src/mutants/loader.ts'
import type { Answer } from '../src/mutants/mutant-main.ts'
import { mutants } from '../src/mutants/table.ts'
import { firstSeed, plansPerFile } from './support/plans.ts'

const program = fileURLToPath(new URL('../src/mutants/mutant-main.ts', import.meta.url))
const kept = (name: string) => resolve(import.meta.dirname, `../mutants/${name}.json`)
const limitMs = 180_000

/** In a process of its own: a patched module cannot be unloaded. */
function ask(...commandLine: readonly (string | number)[]): Promise<Answer> {
  return new Promise((answer, fail) => {
    execFile(process.execPath, [program, ...commandLine.map(String)], (error, stdout) => {
      if (error === null) answer(JSON.parse(stdout) as Answer)
      else fail(error)
    })
  })
}

// The same plans, by the same numbers, pass on the unbroken build: properties.test.ts and
// membership-properties.test.ts run them.
describe.each(mutants)('a build in which $harm', ({ name }) => {
  test('is found by random plans', { timeout: limitMs }, async () => {
    const { violations, seed, plans, realMs } = await ask(name, 'search', firstSeed, plansPerFile)
    process.stdout.write(
      `${name}: plan ${seed}, after ${Math.round(realMs)} ms: ${violations[0]}\n`,
    )
    expect(violations).not.toEqual([])
    expect(plans).toBeLessThanOrEqual(plansPerFile)
  })

  // A change of timing anywhere shifts what happens under one seed, so a few are tried.
  test('is found by its small plan, which the unbroken build passes', async () => {
    const { violations, plans } = await ask(name, 'replay', kept(name), 20)
    expect(violations).not.toEqual([])
    const plan = parsePlan(JSON.parse(readFileSync(kept(name), 'utf8')))
    for (let more = 0; more < plans; more += 1) {
      expect(runPlan({ ...plan, seed: plan.seed + more }).violations).toEqual([])
    }
  })
})

describe('a patch', () => {
  const mutant = { name: 'm', harm: '', file: 'f.ts', find: 'a = 1', replace: 'a = $&' }

  test('replaces the one place it names, literally', () => {
    expect(patchedText(mutant, 'let a = 1\n')).toBe('let a = $&\n')
  })

  test.each(['let a = 2', 'a = 1; a = 1'])(
    'that does not fit %j exactly once is an error',
    (text) => {
      expect(() => patchedText(mutant, text)).toThrow('mutant m: f.ts holds')
    },
  )

  test('of a file that is never loaded is an error', async () => {
    await expect(ask('unloaded', 'search', firstSeed, 1)).rejects.toThrow('was loaded 0 times')
  })
})
