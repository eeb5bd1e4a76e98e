import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { planOfSeed, quorate, runPlan, temporaryFolder } from 'quorate/laboratory'
import { afterAll, expect, test } from 'vitest'

const folder = temporaryFolder('chaos-report')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const timeoutMs = 120_000
const file = join(folder, 'reports', 'simulation.jsonl')
const chaos = (line: string) => quorate(['chaos', ...line.split(' ')], { folder, timeoutMs })
const slices = () =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('slices go on behind each other, add up, and replay to the recorded hashes', {
  timeout: timeoutMs,
}, async () => {
  for (const options of ['--seeds 1', '--seeds 1', '--seeds 1 --kind sim-storage']) {
    expect(await chaos(`sim --report ${file} ${options}`)).toMatchObject({ exitCode: 0 })
  }
  expect(slices()).toMatchObject([
    { kind: 'sim', firstSeed: 1, plans: 1 },
    { kind: 'sim', firstSeed: 2, plans: 1 },
    { kind: 'sim-storage', firstSeed: 1, plans: 1 },
  ])
  expect(slices()[1].hashes).toBe(runPlan(planOfSeed(2)).hash)

  const summed = await chaos(`report ${file} --verify 1 -o json`)
  expect(summed.exitCode).toBe(0)
  const sum = JSON.parse(summed.stdout)
  const total = (field: string) => slices().reduce((all, slice) => all + slice[field], 0)
  expect(sum).toMatchObject({ slices: 3, plans: 3, kinds: { sim: 2, 'sim-storage': 1 } })
  for (const field of ['counted', 'zeroAcks', 'acked', 'events']) {
    expect(sum[field], field).toBe(total(field))
  }
  expect(Math.max(...Object.values<number>(sum.faults))).toBeGreaterThan(0)
  expect(sum.faults['fault spoil-all']).toBe(0)
  expect(sum.seldom).toEqual(expect.arrayContaining(['fault power', 'fault spoil-all']))
  expect(sum.coverage['storage.cache-emptied']).toBeDefined()
  expect(sum.verified).toHaveLength(1)
  for (const { hash, today } of sum.verified) expect(today).toBe(hash)
})

test('a recorded hash that is not what its seed gives is found', {
  timeout: timeoutMs,
}, async () => {
  const [slice] = slices()
  const wrong = join(folder, 'wrong.jsonl')
  const line = { ...slice, plans: 1, hashes: `${slice.hashes.slice(0, 15)}x` }
  writeFileSync(wrong, `${JSON.stringify(line)}\n`)
  const { exitCode, stdout } = await chaos(`report ${wrong} --verify 1`)
  expect(exitCode).toBe(1)
  expect(stdout).toContain(`sim seed 1, recorded ${line.hashes}: DIFFERS: `)
})

test('a seed is recorded once, and a report that is none is refused', async () => {
  const again = await chaos(`sim --report ${file} --first-seed 2 --seeds 1`)
  expect(again).toMatchObject({ exitCode: 2, stdout: '' })
  expect(again.stderr).toContain('has sim seeds up to 2')
  appendFileSync(join(folder, 'none.jsonl'), '{"kind":"rain"}\n')
  const none = await chaos('report none.jsonl')
  expect(none).toMatchObject({ exitCode: 2, stdout: '' })
  expect(none.stderr).toContain('none.jsonl:1: no kind of plans: rain')
})
