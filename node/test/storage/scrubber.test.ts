import { describe, expect, test } from 'vitest'
import { pickFile } from '../../src/simulation/damageable-files.ts'
import type { StorageEvent } from '../../src/storage/storage.ts'
import { folder, makeRecords, metadata, smallOptions, TestNode } from './harness.ts'

const cycleMs = 10_000
const bytesPerSecond = 100_000

/** Three segments of about 20 KB each and a checkpoint; nothing of it in memory. */
function made(seed: string, options = {}): TestNode {
  const node = new TestNode(seed, {
    ...smallOptions,
    scrubCycleMs: cycleMs,
    scrubBytesPerSecond: bytesPerSecond,
    ...options,
  }).open()
  for (let count = 0; count < 6; count += 1) node.append(Array(10).fill(900), 1)
  for (const index of [20, 40, 60]) node.log().roll(index)
  node.log().commit(60)
  node.run(200)
  const point = node.log().pointAt(40)!
  node.wait((done) => {
    node.storage.saveCheckpoint(metadata, { ...point, state: new Uint8Array(5000).fill(7) }, done)
  })
  expect(node.log().segments().length).toBe(3)
  return node
}

function found(node: TestNode): StorageEvent[] {
  return node.events.filter(({ event }) => event === 'storage.damaged')
}

/** Until the check that is under way, or the next one, is complete. */
function runCycle(node: TestNode): void {
  const { cycles } = node.storage.metrics().scrub
  for (let ms = 0; ms < 3 * cycleMs && node.storage.metrics().scrub.cycles === cycles; ms += 100) {
    node.run(100)
  }
  expect(node.storage.metrics().scrub.cycles).toBe(cycles + 1)
}

describe('a check of stored files', () => {
  test('reads every segment and checkpoint once in a cycle, and finds whole files whole', () => {
    const node = made('whole')
    runCycle(node)
    const { bytes, damage, position, cycleStartedMs } = node.storage.metrics().scrub
    const segments = node.log().segments()
    const segmentBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const { sizeBytes } = pickFile(node.disk, folder, 'checkpoint', 0)!
    expect(bytes).toBe(segmentBytes + sizeBytes)
    expect({ damage, position }).toEqual({ damage: 0, position: 1 })
    expect(cycleStartedMs).toBeGreaterThan(0)
    expect(found(node)).toEqual([])
    node.run(cycleMs + 1000)
    expect(node.storage.metrics().scrub.cycles).toBe(2)
  })

  test('finds a flipped bit within one cycle, in whichever segment, and names its entry', () => {
    for (let seed = 0; seed < 12; seed += 1) {
      const node = made(`flip-${seed}`)
      const { path, number } = pickFile(node.disk, folder, 'segment', seed)!
      node.disk.damage.apply({ kind: 'flip', path, at: 4096 + 70 + seed })
      runCycle(node)
      expect(found(node)).toMatchObject([
        { group: metadata, file: path, firstIndex: number, lastIndex: number },
      ])
      expect(node.storage.metrics().scrub.damage).toBe(1)
    }
  })

  test('removes a damaged checkpoint that is only a spare, and leaves the others', () => {
    const node = made('spare')
    const point = node.log().pointAt(60)!
    node.wait((done) => {
      node.storage.saveCheckpoint(metadata, { ...point, state: new Uint8Array(5000) }, done)
    })
    expect(node.log().checkpoints()).toEqual([40, 60])
    const { path } = pickFile(node.disk, folder, 'checkpoint', 0)!
    node.disk.damage.apply({ kind: 'flip', path, at: 3000 })
    runCycle(node)
    expect(found(node)).toMatchObject([{ file: path, firstIndex: 40 }])
    expect(node.log().checkpoints()).toEqual([60])
    node.run(3 * cycleMs)
    expect(found(node).length).toBe(1)
    node.crash('kill').open()
    expect(node.log().checkpoints()).toEqual([60])
    expect(node.opened.damage).toEqual([])
  })

  test.each(['flip', 'zero', 'truncate'] as const)('finds a checkpoint after %s', (kind) => {
    const node = made(`checkpoint-${kind}`)
    const { path } = pickFile(node.disk, folder, 'checkpoint', 0)!
    node.disk.damage.apply({ kind, path })
    runCycle(node)
    expect(found(node)).toMatchObject([{ file: path, firstIndex: 40 }])
  })

  test('finds a file that is gone, and a segment that is cut off', () => {
    const node = made('gone')
    const first = pickFile(node.disk, folder, 'segment', 0)!
    const second = pickFile(node.disk, folder, 'segment', 1)!
    node.disk.damage.apply({ kind: 'delete', path: first.path })
    node.disk.damage.apply({ kind: 'truncate', path: second.path, to: 9000 })
    runCycle(node)
    const files = found(node).sort(
      (one, other) => Number(one['firstIndex']) - Number(other['firstIndex']),
    )
    expect(files).toMatchObject([
      { file: first.path, firstIndex: 1, lastIndex: 20 },
      { file: second.path, lastIndex: 40 },
    ])
  })

  test('says nothing about a read that was wrong once', () => {
    const node = made('transient')
    const { path } = pickFile(node.disk, folder, 'segment', 1)!
    node.disk.damage.apply({ kind: 'flip-read', path })
    runCycle(node)
    expect(found(node)).toEqual([])
    // Twice: the file was read again.
    expect(node.storage.metrics().scrub.bytes).toBeGreaterThan(80_000)
  })

  test('reads no faster than it is told to', () => {
    const node = made('rate', { scrubBytesPerSecond: 10_000 })
    node.run(cycleMs)
    const before = { atMs: node.simulation.nowMs, bytes: node.storage.metrics().scrub.bytes }
    let last = before
    for (let second = 0; second < 6; second += 1) {
      node.run(1000)
      last = { atMs: node.simulation.nowMs, bytes: node.storage.metrics().scrub.bytes }
      // A file of 20 KB is one read here; the pause for it comes behind it.
      const most = ((last.atMs - before.atMs) / 1000) * 10_000 + 25_000
      expect(last.bytes - before.bytes).toBeLessThanOrEqual(most)
    }
    expect(last.bytes - before.bytes).toBeGreaterThan(30_000)
  })

  test('waits while the WAL has more to write than one batch takes', () => {
    const node = made('busy')
    node.disk.stall(5 * cycleMs, /wal-/)
    const log = node.log()
    const point = log.pointAt(log.lastIndex)!
    expect(point.index).toBe(60)
    for (let count = 0; count < 4; count += 1) appendUnsynced(node)
    node.run(3 * cycleMs)
    expect(node.storage.metrics().scrub.bytes).toBe(0)
    node.run(3 * cycleMs)
    expect(node.storage.metrics().scrub.bytes).toBeGreaterThan(0)
  })

  test('ends with its node, wherever it is', () => {
    for (let step = 0; step < 40; step += 1) {
      const node = made(`close-${step}`, { openFilesMax: 1 })
      node.run(cycleMs - 300 + step * 20)
      node.wait((done) => node.storage.close(done))
      const { bytes } = node.storage.metrics().scrub
      node.run(3 * cycleMs)
      expect(node.storage.metrics().scrub.bytes).toBe(bytes)
    }
  })
})

function appendUnsynced(node: TestNode): void {
  const log = node.log()
  const entries = makeRecords(log.pointAt(log.lastIndex)!, log.endOffset, [9000], 1)
  node.storage.persist(metadata, { entries }, () => {})
}
