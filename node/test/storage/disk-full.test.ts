import { describe, expect, test } from 'vitest'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { makeMark, metadata, smallOptions, TestNode } from './harness.ts'

const indexes = (entries: readonly LogEntry[]) => entries.map((entry) => entry.index)

/** Fills the disk up to the last byte, with a spare still there; nothing is refused before that. */
function full(name: string): TestNode {
  const node = new TestNode(name, { ...smallOptions, diskReserveBytes: 0 }).open()
  node.append([100], 1)
  node.run(100)
  node.disk.capacityBytes = node.disk.usedBytes()
  return node
}

describe('a full disk', () => {
  test('refuses records once no spare file can be made, and takes other entries still', () => {
    const node = full('refuses')
    // The current file and the spare have room for these; the next spare has not.
    while (node.storage.writable() === undefined && node.log().lastIndex < 60) {
      node.append([4000], 1)
      node.run(5)
    }
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    expect(node.events.map(({ event }) => event)).toContain('disk.full')
    const previous = node.log().pointAt(node.log().lastIndex)!
    node.setTerm(2)
    node.persist([makeMark(previous, 2)])
    expect(node.log().durableIndex).toBe(previous.index + 1)
    expect(node.failure).toBeUndefined()
  })

  test('is tried again each second, and nothing that waited is lost', () => {
    const node = full('waits')
    const all = [1]
    let done = 0
    for (let round = 0; round < 60; round += 1) {
      const log = node.log()
      const previous = log.pointAt(log.lastIndex)!
      const entries = [makeMark(previous, 1)]
      all.push(entries[0]!.index)
      node.storage.persist(metadata, { entries }, () => {
        done += 1
      })
      node.run(4)
    }
    // Both files are full of one-entry batches: the rest waits.
    expect(done).toBeLessThan(60)
    expect(done).toBeGreaterThan(0)
    node.run(5000)
    expect(node.log().durableIndex).toBe(1 + done)
    node.disk.capacityBytes = Number.POSITIVE_INFINITY
    node.run(1100)
    expect(done).toBe(60)
    expect(node.storage.writable()).toBeUndefined()
    expect(node.events.map(({ event }) => event)).toContain('disk.writable-again')
    node.crash('power').open()
    expect(indexes(node.readAll())).toEqual(all)
  })

  test('in the middle of a segment loses nothing and goes on in a new file', () => {
    const node = new TestNode('segment').open()
    const all: LogEntry[] = []
    for (let round = 0; round < 12; round += 1) all.push(...node.append([3000, 3000], 1))
    node.run(50)
    node.disk.fail({ operation: 'write', path: /seg-/, code: 'ENOSPC', times: 3 })
    node.log().roll(7)
    node.log().roll(15)
    node.log().commit(20)
    node.run(100)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    node.disk.clearFaults()
    node.run(2500)
    expect(node.storage.writable()).toBeUndefined()
    expect(
      node
        .log()
        .segments()
        .map((segment) => segment.lastIndex),
    ).toEqual(expect.arrayContaining([7, 15]))
    expect(indexes(node.readAll())).toEqual(indexes(all))
    node.crash('power').open()
    expect(indexes(node.readAll())).toEqual(indexes(all))
  })

  test('met by a WAL write puts the same batch into another file', () => {
    const node = new TestNode('wal-write').open()
    node.append([100], 1)
    node.run(100)
    node.disk.fail({ operation: 'write', path: /wal-0000000001/, code: 'ENOSPC' })
    const [entry] = node.append([200], 1)
    expect(entry!.index).toBe(2)
    expect(node.failure).toBeUndefined()
    node.crash('kill').open()
    expect(indexes(node.readAll())).toEqual([1, 2])
  })

  test('refuses a checkpoint and a new replica by name, and both can be tried again', () => {
    const node = new TestNode('others').open()
    const [entry] = node.append([10], 1)
    node.log().commit(1)
    node.disk.fail({ operation: 'write', path: /checkpoint|hard/, code: 'ENOSPC', times: 1 })
    const save = () =>
      node.wait<[Error?]>((done) => {
        const state = new Uint8Array(10)
        node.storage.saveCheckpoint(metadata, { ...entry!, state }, done)
      })
    expect(save()[0]).toMatchObject({ code: 'QUORATE_DISK_FULL' })
    expect(node.log().checkpoints()).toEqual([])
    expect(save()[0]).toBeUndefined()
    expect(node.log().checkpoints()).toEqual([1])
    // 64 pairs are there from the beginning; the next extent does not fit.
    for (let id = 0; id < 62; id += 1) node.create(10 + id, 1000 + id)
    node.disk.fail({ operation: 'write', path: /hard.A/, code: 'ENOSPC', times: 1 })
    expect(() => node.create(90, 2000)).toThrow(/the disk of the node is full/)
    expect(node.failure).toBeUndefined()
    node.create(90, 2001)
    expect(node.crash('power').open().storage.groups.get('90-0')!.replicaId).toBe(2001)
  })
})

describe('a reserve of free space', () => {
  const kib = 1024
  const reserved = (name: string): TestNode => {
    const options = { ...smallOptions, diskReserveBytes: 400 * kib }
    const node = new TestNode(name, options).open()
    node.append([100], 1)
    node.run(100)
    return node
  }
  const leave = (node: TestNode, bytes: number): void => {
    node.disk.capacityBytes = node.disk.usedBytes() + bytes
    node.run(1100)
  }

  test('refuses records below it, and takes them again with a quarter more', () => {
    const node = reserved('hysteresis')
    leave(node, 400 * kib)
    expect(node.storage.writable()).toBeUndefined()
    expect(node.storage.metrics()).toMatchObject({ diskFreeBytes: 400 * kib, diskFull: false })
    leave(node, 400 * kib - 1)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    expect(node.storage.metrics()).toMatchObject({ diskFreeBytes: 400 * kib - 1, diskFull: true })
    expect(node.events).toContainEqual({ event: 'disk.full', part: 'reserve' })
    leave(node, 500 * kib - 1)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    leave(node, 500 * kib)
    expect(node.storage.writable()).toBeUndefined()
    expect(node.events).toContainEqual({ event: 'disk.writable-again' })
    expect(node.events.filter(({ event }) => event.startsWith('disk.')).length).toBe(2)
  })

  test('leaves room for everything else: terms, segments, checkpoints, new replicas', () => {
    const node = reserved('room')
    for (let round = 0; round < 6; round += 1) node.append([3000, 3000], 1)
    leave(node, 300 * kib)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    node.setTerm(2)
    const previous = node.log().pointAt(node.log().lastIndex)!
    const mark = makeMark(previous, 2)
    node.persist([mark])
    node.log().roll(mark.index)
    node.log().commit(mark.index)
    node.run(500)
    expect(node.log().segments().at(-1)!.lastIndex).toBe(mark.index)
    const [error] = node.wait<[Error?]>((done) => {
      const { index, term, chain } = mark
      const checkpoint = { index, term, chain, state: new Uint8Array(10 * kib) }
      node.storage.saveCheckpoint(metadata, checkpoint, done)
    })
    expect(error).toBeUndefined()
    node.create(5, 1001)
    const events = node.events.filter(({ event }) => event === 'disk.full')
    expect(events).toEqual([{ event: 'disk.full', part: 'reserve' }])
    expect(node.disk.counters.full).toBe(0)
    node.crash('power').open()
    expect(node.log().lastIndex).toBe(mark.index)
    node.run(10)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
  })

  test('of 0 refuses nothing', () => {
    const node = full('none')
    node.run(1100)
    expect(node.storage.metrics().diskFreeBytes).toBe(0)
    expect(node.storage.writable()).toBeUndefined()
  })

  test('stays as it was while the disk does not say what is free', () => {
    const node = reserved('silent')
    leave(node, 100)
    node.disk.fail({ operation: 'open', path: /n1$/, code: 'EIO', times: 1000 })
    leave(node, 800 * kib)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    expect(node.failure).toBeUndefined()
    node.disk.clearFaults()
    node.run(1100)
    expect(node.storage.writable()).toBeUndefined()
  })
})

describe('a failed write or sync', () => {
  test('of the WAL acknowledges nothing, says so once, and is never tried again', () => {
    const node = new TestNode('eio').open()
    const [first] = node.append([10], 1)
    node.disk.fail({ operation: 'write', path: /wal-/, code: 'EIO' })
    let called = 0
    const previous = node.log().pointAt(1)!
    const one = makeMark(previous, 1)
    node.storage.persist(metadata, { entries: [one] }, () => {
      called += 1
    })
    node.run(5)
    node.storage.persist(metadata, { entries: [makeMark(one, 1)] }, () => {
      called += 1
    })
    node.run(5000)
    expect(called).toBe(0)
    expect(node.failure).toMatchObject({ code: 'QUORATE_STORAGE_FAILED' })
    expect(node.events.filter(({ event }) => event === 'storage.failed').length).toBe(1)
    const [error] = node.wait<[Error?]>((done) => node.storage.close(done))
    expect(error).toBe(node.failure)
    node.crash('power').open()
    expect(node.log().pointAt(1)!.chain).toEqual(first!.chain)
  })

  test('of hard state, manifest or segment stops the node too', () => {
    for (const path of [/hard.B/, /manifest.A/, /seg-/]) {
      const node = new TestNode(`eio-${path.source}`).open()
      node.disk.fail({ operation: path.source === 'hard.B' ? 'write' : 'sync', path, code: 'EIO' })
      const request = {
        hardState: { term: 1, votedFor: 1 },
        entries: [makeMark(node.log().base, 1)],
      }
      node.storage.persist(metadata, request, () => {
        node.log().roll(1)
        node.log().commit(1)
      })
      node.run(500)
      expect(node.failure, path.source).toMatchObject({ code: 'QUORATE_STORAGE_FAILED' })
    }
  })
})

describe('overload', () => {
  test('refuses admission while too much waits for the disk, and not for longer', () => {
    const node = new TestNode('overload', {
      walFileBytes: 256 * 1024,
      pendingBytesMax: 1000,
    }).open()
    node.append([10], 1)
    node.disk.stall(1000, /wal-/)
    let previous = node.log().pointAt(1)!
    for (let count = 0; count < 20; count += 1) {
      const entry = makeMark(previous, 1)
      node.storage.persist(metadata, { entries: [entry] }, () => {})
      previous = entry
    }
    node.run(10)
    expect(node.storage.writable()).toBe('QUORATE_OVERLOADED')
    const since = node.storage.metrics().walOutstandingSinceMs!
    expect(node.simulation.nowMs - since).toBeLessThan(12)
    node.run(2000)
    expect(node.storage.writable()).toBeUndefined()
    expect(node.storage.metrics().pendingBytes).toBe(0)
  })
})
