// The command that judges a file: what it prints and how it ends.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quorate, temporaryFolder, writeHistory } from 'quorate/laboratory'
import { afterAll, expect, test } from 'vitest'
import { Story } from './story.ts'

const folder = temporaryFolder('chaos-check')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function check(...words: string[]) {
  return quorate(['chaos', 'check', ...words], { folder, environment: {}, timeoutMs: 60_000 })
}

/** Two sends, one of unknown outcome, and what a reader has of them in the end. */
function write(name: string, ...records: string[]): string {
  const story = new Story({ seed: 9 })
  story.send('a', 'x', 0)
  story.unknown(story.begin('b', 'y'))
  story.readBack(...records)
  const file = join(folder, name)
  writeHistory(file, story)
  return file
}

test('a clean history ends with 0', async () => {
  const file = write('clean.jsonl', 'x@0', 'y@1')
  const { exitCode, stdout, stderr } = await check(file)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const lines = [
    'source: test, seed 9',
    'sends: 2, 1 acked, 0 failed, 1 unknown',
    'records read: 2',
  ]
  expect(stdout.split('\n').slice(0, 3)).toEqual(lines)
  expect(stdout).toMatch(/no promise broken\n$/)
})

test('an anomaly ends with 1, and is named with its events', async () => {
  const file = write('lost.jsonl', 'y@1')
  const report = await check(file, '-o', 'json')
  expect(report.exitCode).toBe(1)
  const { counts, anomalies } = JSON.parse(report.stdout)
  expect(counts).toMatchObject({ sends: 2, acked: 1, unknown: 1, read: 1 })
  expect(anomalies).toEqual([
    { name: 'lost-write', severity: 'fatal', text: expect.any(String), events: [1] },
    { name: 'poll-skip', severity: 'fatal', text: expect.any(String), events: [4, 5] },
  ])
  const table = await check(file)
  expect(table.exitCode).toBe(1)
  expect(table.stdout).toMatch(/lost-write +fatal +1 .*PROMISES BROKEN\n$/s)
})

test('what a replayed plan wrote is judged as it was then', async () => {
  const replay = ['chaos', 'replay', '12', '--history', 'plan.jsonl', '-o', 'json']
  const played = await quorate(replay, { folder, environment: {}, timeoutMs: 60_000 })
  const { acked, unknown, violations } = JSON.parse(played.stdout)
  expect(violations).toEqual([])
  const judged = await check('plan.jsonl', '-o', 'json')
  expect(judged.exitCode).toBe(0)
  expect(JSON.parse(judged.stdout)).toMatchObject({
    source: 'simulation',
    counts: { acked, unknown },
    anomalies: [],
  })
})

test.each([
  [['nowhere.jsonl'], 'ENOENT'],
  [['bad.jsonl'], 'bad.jsonl: line 2: not JSON'],
  [['empty.jsonl'], 'empty.jsonl: line 1'],
  [['bad.jsonl', '-o', 'xml'], '-o is table, json, not xml'],
])('%j is called wrongly', async (words, message) => {
  const header = { history: 1, source: 'x', topics: [], idempotent: true, retention: false }
  writeFileSync(join(folder, 'bad.jsonl'), `${JSON.stringify(header)}\nfoo\n`)
  writeFileSync(join(folder, 'empty.jsonl'), '')
  const { exitCode, stdout, stderr } = await check(...words)
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(message)
})
