import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parsePlan, planOfSeed, quorate, temporaryFolder } from 'quorate/laboratory'
import { afterAll, expect, test } from 'vitest'
import { mutantOf } from '../src/mutants/table.ts'
import { broken } from './support/break-sources.ts'

const folder = temporaryFolder('chaos')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const timeoutMs = 120_000
const chaos = (line: string, environment: Readonly<Record<string, string>> = {}) =>
  quorate(['chaos', ...line.split(' ')], { folder, environment, timeoutMs })

test('the report is the same whatever the number of workers', {
  timeout: timeoutMs,
}, async () => {
  const [one, two] = [
    await chaos('sim --first-seed 3 --seeds 2 --workers 1 -o json'),
    await chaos('sim --first-seed 3 --seeds 2 --workers 2 -o json'),
  ]
  expect([one.exitCode, two.exitCode]).toEqual([0, 0])
  const report = JSON.parse(one.stdout)
  expect(report).toMatchObject({ firstSeed: 3, lastSeed: 4, plans: 2, counted: 2, violations: [] })
  expect({ ...JSON.parse(two.stdout), wallSeconds: report.wallSeconds }).toEqual(report)
})

test('the first violation ends it, is made smaller, written down and found again', {
  timeout: timeoutMs,
}, async () => {
  const bug = broken(...mutantOf('ack-before-sync').patches)
  const found = await chaos('sim --seeds 100 -o json', bug)
  expect(found.exitCode).toBe(1)
  const { violations, plans, plan } = JSON.parse(found.stdout)
  expect(violations).toHaveLength(1)
  const { seed } = violations[0]
  expect(plans).toBe(seed)
  expect(plan).toBe(`failing-plan-sim-${seed}.json`)
  expect(found.stderr).toContain(`plan ${seed}: ${violations[0].texts[0]}`)
  const smallest = parsePlan(JSON.parse(readFileSync(join(folder, plan), 'utf8')))
  expect(smallest.steps.length).toBeLessThan(planOfSeed(seed).steps.length)
  expect((await chaos(`replay ${plan}`, bug)).exitCode).toBe(1)
  expect((await chaos(`replay ${plan}`)).exitCode).toBe(0)
})

test('a process that ends instead of answering is a violation of its seed, and others go on', {
  timeout: timeoutMs,
}, async () => {
  const bug = broken({
    file: 'node/src/laboratory/plan/plan-of-seed.ts',
    find: '  return draw(',
    replace: '  if (seed === 1 && process.send) process.exit(7)\n  return draw(',
  })
  const { exitCode, stdout } = await chaos('sim --seeds 2 --keep-going -o json', bug)
  expect(exitCode).toBe(1)
  const report = JSON.parse(stdout)
  expect(report.plans).toBe(2)
  expect(report.violations).toEqual([{ seed: 1, texts: ['the process ended: exit code 7'] }])
  expect(report.hashes.map((hash: string) => Number(`0x${hash}`) === 0)).toEqual([true, false])
})

test.each([
  ['sim --kind rain', '--kind is sim'],
  ['sim --seeds none', '--seeds is a whole number'],
  ['replay nowhere.json', 'there is no file nowhere.json'],
  ['shrink 3', '3 violates nothing'],
])('chaos %s is called wrongly', async (line, words) => {
  const { exitCode, stderr, stdout } = await chaos(line)
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(words)
})
