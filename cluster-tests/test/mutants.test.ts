// Bugs put into the build on purpose (src/mutants): the kept small plan of each must find it in each
// run of the tests, and drawn plans must find those that they find soon. The whole search, with how
// small the plans become, is `npm run chaos -- mutants`.
import { readFileSync } from 'node:fs'
import { parsePlan, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { askMutant } from '../src/mutants/ask.ts'
import { patchedText } from '../src/mutants/loader.ts'
import { keptPath } from '../src/mutants/mutants-chaos.ts'
import { mutants } from '../src/mutants/table.ts'

const limitMs = 180_000
const seedsTried = 20

const keptPlan = (name: string) => parsePlan(JSON.parse(readFileSync(keptPath(name), 'utf8')))

/** Found by one of the first plans, and of different kinds. */
const searched: readonly string[] = ['ack-before-sync', 'vote-before-sync', 'earlier-term-counted']

describe.each(mutants)('a build in which $harm', ({ name }) => {
  // A change of timing anywhere shifts what happens under one seed, so a few are tried.
  test('is found by its small plan, which the unbroken build passes', {
    timeout: limitMs,
  }, async () => {
    const plan = keptPlan(name)
    expect(plan.steps.length).toBeLessThanOrEqual(10)
    const { violations, plans } = await askMutant(name, 'replay', keptPath(name), seedsTried)
    expect(violations).not.toEqual([])
    expect(runPlan({ ...plan, seed: plan.seed + plans - 1 }).violations).toEqual([])
  })
})

describe.each(searched)('drawn plans', (name) => {
  test(`find ${name}, and the one that does becomes small`, { timeout: limitMs }, async () => {
    const { budget } = mutants.find((each) => each.name === name)!
    const { violations, plans, cpuSeconds, shrunk } = await askMutant(
      name,
      'shrink',
      1,
      budget.plans,
    )
    process.stdout.write(`${name}: plan ${plans}, ${cpuSeconds} s: ${violations[0]}\n`)
    expect(violations).not.toEqual([])
    expect(cpuSeconds).toBeLessThanOrEqual(budget.cpuSeconds)
    expect(shrunk!.plan.steps.length).toBeLessThanOrEqual(10)
  })
})

describe('a patch', () => {
  const patches = [{ file: 'f.ts', find: 'a = 1', replace: 'a = $&' }]

  test('replaces the one place it names, literally', () => {
    expect(patchedText('m', patches, 'let a = 1\n')).toBe('let a = $&\n')
  })

  test.each(['let a = 2', 'a = 1; a = 1'])(
    'that does not fit %j exactly once is an error',
    (text) => {
      expect(() => patchedText('m', patches, text)).toThrow('mutant m: f.ts holds')
    },
  )

  test('of a file that is never loaded is an error', async () => {
    await expect(askMutant('unloaded', 'search', 1, 1)).rejects.toThrow('was loaded 0 times')
  })
})
