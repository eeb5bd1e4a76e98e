import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from 'quorate/laboratory'
import { afterAll, expect, test } from 'vitest'
import { appendSlice, readSlices, type Slice } from '../../src/laboratory/runs/slice.ts'

const folder = temporaryFolder('slice')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const slice: Slice = {
  commit: 'c',
  kind: 'sim',
  firstSeed: 1,
  plans: 1,
  counted: 1,
  zeroAcks: 0,
  wallSeconds: 1,
  simulatedSeconds: 1,
  acked: 1,
  events: 1,
  faults: {},
  coverage: {},
  violations: [],
  hashes: '0123456789abcdef',
}

test('of two runs that record the same seeds one is refused, however close they are', async () => {
  const file = join(folder, 'report.jsonl')
  const lock = `${file}.lock`
  // The other run is in the middle of it.
  writeFileSync(lock, '')
  const finish = `
    const { appendFileSync, unlinkSync } = require('node:fs')
    appendFileSync(${JSON.stringify(file)}, ${JSON.stringify(`${JSON.stringify(slice)}\n`)})
    unlinkSync(${JSON.stringify(lock)})`
  const other = spawn(process.execPath, ['-e', finish], { stdio: 'inherit' })
  const ended = once(other, 'exit')
  expect(() => appendSlice(file, slice)).toThrow('has sim seeds up to 1 by now')
  expect(await ended).toEqual([0, null])
  appendSlice(file, { ...slice, firstSeed: 2 })
  expect(readSlices(file).map(({ firstSeed }) => firstSeed)).toEqual([1, 2])
  expect(existsSync(lock)).toBe(false)
})
