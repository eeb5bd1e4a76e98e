// Bugs put into the build on purpose (src/mutants): the kept small plan of each must find it in each
// run of the tests, and drawn plans must find those that they find soon. The whole search, with how
// small the plans become, is `npm run chaos -- mutants`; its report is checked here against the
// bounds.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parsePlan, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { askMutant } from '../src/mutants/ask.ts'
import { patchedText } from '../src/mutants/loader.ts'
import { keptPath, readReport } from '../src/mutants/mutants-chaos.ts'
import { mutants } from '../src/mutants/table.ts'

const limitMs = 180_000
const seedsTried = 20

const keptPlan = (name: string) => parsePlan(JSON.parse(readFileSync(keptPath(name), 'utf8')))

/** Found by one of the first plans, and of different kinds: core, storage, broker. */
const searched: readonly string[] = [
  'earlier-term-counted',
  'rename-not-synced',
  'resend-appended-again',
]

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

describe('the report of the whole search', () => {
  const lines = readReport()
  const median = (numbers: readonly number[]) =>
    numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

  test('has a failing plan of each bug, found within its budget', () => {
    for (const { name, budget } of mutants) {
      const own = lines.filter(({ mutant }) => mutant === name)
      expect(own.length, name).toBeGreaterThanOrEqual(1)
      for (const { plans, cpuSeconds } of own) {
        expect(plans, name).toBeLessThanOrEqual(budget.plans)
        expect(cpuSeconds, name).toBeLessThanOrEqual(budget.cpuSeconds)
      }
    }
  })

  test('shows small plans, made in short time', () => {
    const steps = lines.map(({ stepsAfter }) => stepsAfter)
    const seconds = lines.map(({ shrinkCpuSeconds }) => shrinkCpuSeconds)
    expect(median(steps)).toBeLessThanOrEqual(6)
    expect(Math.max(...steps)).toBeLessThanOrEqual(10)
    expect(median(seconds)).toBeLessThanOrEqual(120)
    expect(Math.max(...seconds)).toBeLessThanOrEqual(600)
  })

  test('is of the bugs that there are, and so are the kept plans', () => {
    const names = mutants.map(({ name }) => name).sort()
    expect([...new Set(lines.map(({ mutant }) => mutant))].sort()).toEqual(names)
    const kept = readdirSync(dirname(keptPath('any'))).map((file) => file.replace('.json', ''))
    expect(kept.sort()).toEqual(names)
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
