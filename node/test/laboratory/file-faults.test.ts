import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyedRandom } from '@quorate/actors'
import { expect, onTestFinished, test } from 'vitest'
import { FileFaults } from '../../src/laboratory/processes/file-faults.ts'

/** A node with one file of its WAL, that says what it is told to say. */
function damageable() {
  const data = mkdtempSync(join(tmpdir(), 'quorate-files-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
  mkdirSync(join(data, 'wal'))
  mkdirSync(join(data, 'groups'))
  writeFileSync(join(data, 'wal/wal-0000000001'), new Uint8Array(10_000).fill(7))
  const says = {
    data,
    running: true,
    whole: true,
    damageCount: 0,
    checkStartedSeconds: 0,
    missingEntries: 0,
    ended: 0,
  }
  const node = {
    data,
    ended: async () => {},
    metric: async (name: string) =>
      name === 'quorate_scrub_cycle_start_seconds' ? says.checkStartedSeconds : says.missingEntries,
  }
  const cluster = {
    node: () => node,
    mustBeWhole: async () => {
      if (!says.whole) throw new Error('n2 is behind')
    },
    damageCount: async () => says.damageCount,
  }
  const end = () => {
    if (!says.running) return undefined
    says.running = false
    return () => {
      says.running = true
    }
  }
  return { says, faults: new FileFaults(cluster, { end }, keyedRandom('files')) }
}

test('damage changes a file of a node that has ended, and lets it come back afterwards', async () => {
  const { says, faults } = damageable()
  expect(await faults.mayStrike()).toBe(true)
  const release = await faults.strike('flip', 'wal', 'n1')
  expect(says.running).toBe(false)
  const bytes = readFileSync(join(says.data, 'wal/wal-0000000001'))
  expect(bytes.filter((byte) => byte !== 7)).toHaveLength(1)
  expect(faults.ranges).toMatchObject([{ node: 'n1', file: 'wal/wal-0000000001' }])
  release!()
  expect(says.running).toBe(true)
})

test('the next damage waits until the node has read all its files since and nothing is missing', async () => {
  const { says, faults } = damageable()
  await faults.strike('flip', 'wal', 'n1')
  expect(await faults.mayStrike()).toBe(false)
  says.checkStartedSeconds = Date.now() / 1000 + 1
  says.missingEntries = 3
  expect(await faults.mayStrike()).toBe(false)
  says.missingEntries = 0
  says.damageCount = 1
  expect(await faults.mayStrike()).toBe(false)
  says.damageCount = 0
  says.whole = false
  expect(await faults.mayStrike()).toBe(false)
  says.whole = true
  expect(await faults.mayStrike()).toBe(true)
})

test('without such a file, or a node that runs, nothing is damaged', async () => {
  const { says, faults } = damageable()
  expect(await faults.strike('delete', 'segment', 'n1')).toBeUndefined()
  expect(says.running).toBe(true)
  says.running = false
  expect(await faults.strike('delete', 'wal', 'n1')).toBeUndefined()
  expect(faults.ranges).toEqual([])
  expect(await faults.mayStrike()).toBe(true)
})
