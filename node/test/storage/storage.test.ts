import { describe, expect, test } from 'vitest'
import { chainText } from '../../src/storage/entry-format.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import type { PersistRequest } from '../../src/storage/storage.ts'
import { folder, makeMark, makeRecords, metadata, smallOptions, TestNode } from './harness.ts'

const hashes = (entries: readonly { index: number; chain: { high: number; low: number } }[]) =>
  entries.map(({ index, chain }) => `${index}:${chainText(chain)}`)

describe('a node that is opened again', () => {
  test('finds every entry whose completion was called, after a power loss', () => {
    const node = new TestNode('power').open()
    const entries = node.append([10, 600, 3000], 1)
    node.crash('power').open()
    expect(hashes(node.readAll())).toEqual(hashes(entries))
    expect(node.log().durableIndex).toBe(3)
    expect(node.storage.groups.get(metadata)!.hardState).toEqual({ term: 1, votedFor: 1 })
  })

  test('finds everything after an orderly close, with the last batch sealed', () => {
    const node = new TestNode('close').open()
    const entries = node.append([10, 20], 1)
    node.wait((done) => node.storage.close(done))
    node.crash('power').open()
    expect(hashes(node.readAll())).toEqual(hashes(entries))
    expect(node.storage.metrics().walBatches).toBe(0)
  })

  test('goes on where it stopped, again and again', () => {
    const node = new TestNode('again').open()
    const all = []
    for (let round = 1; round <= 8; round += 1) {
      all.push(...node.append([100 * round, 5], round))
      node.crash(round % 2 === 0 ? 'kill' : 'power').open()
    }
    expect(hashes(node.readAll())).toEqual(hashes(all))
  })
})

describe('segments', () => {
  test('hold what the WAL lets go, and end exactly where the log rolls', () => {
    const node = new TestNode('segments').open()
    const all = []
    for (let round = 0; round < 40; round += 1) {
      all.push(...node.append([2000, 2000], 1))
      const last = all.at(-1)!.index
      if (last % 10 === 0) node.log().roll(last)
      node.log().commit(last)
    }
    node.run(2000)
    const segments = node.log().segments()
    expect(segments.map((segment) => segment.lastIndex)).toContain(10)
    expect(segments.map((segment) => segment.lastIndex)).toContain(60)
    expect(node.storage.metrics().walFiles).toBeLessThanOrEqual(2)
    expect(hashes(node.readAll())).toEqual(hashes(all))
    node.crash('power').open()
    expect(node.log().segments()).toEqual(segments)
    expect(hashes(node.readAll())).toEqual(hashes(all))
  })
})

describe('group commit', () => {
  test('has one write outstanding, and what comes meanwhile shares the next', () => {
    const node = new TestNode('group-commit', { walFileBytes: 256 * 1024 }).open()
    node.create(5, 1001)
    node.run(100)
    const before = node.storage.metrics()
    let done = 0
    let previous = node.log().base
    for (let count = 0; count < 50; count += 1) {
      const entry = makeMark(previous, 0)
      node.storage.persist(metadata, { entries: [entry] }, () => {
        done += 1
      })
      node.storage.persist('5-0', { entries: [entry] }, () => {
        done += 1
      })
      previous = entry
      if (count === 24)
        node.simulation.runUntilTrue(
          () => node.storage.metrics().walOutstandingSinceMs !== undefined,
          1e6,
        )
    }
    node.run(5)
    expect(done).toBe(100)
    const after = node.storage.metrics()
    expect(after.walBatches - before.walBatches).toBe(2)
    // Two blocks of directory at most, and a payload of 50 times two headers.
    expect(after.walBytes - before.walBytes).toBeLessThanOrEqual(2 * 3 * 4096)
    expect(after.pendingBytes).toBe(0)
  })

  test('cuts a request that is larger than a batch, and completes it once', () => {
    const node = new TestNode('large').open()
    const sizes = Array.from({ length: 30 }, () => 4000)
    const entries = node.append(sizes, 1)
    expect(node.storage.metrics().walBatches).toBeGreaterThan(5)
    expect(hashes(node.crash('power').open().readAll())).toEqual(hashes(entries))
  })

  test('refuses what cannot follow the log', () => {
    const node = new TestNode('refuse').open()
    const [entry] = node.append([5], 3) as [LogEntry]
    const persist = (request: PersistRequest) => () => {
      node.storage.persist(metadata, request, () => {})
    }
    expect(persist({ entries: [entry] })).toThrow('entry 1 of term 3 after 1')
    expect(persist({ entries: [makeMark(entry, 2)] })).toThrow('entry 2 of term 2')
    node.log().commit(1)
    expect(persist({ truncateAfter: 0, entries: [] })).toThrow('committed is 1')
    expect(() => node.log().commit(2)).toThrow('above the last index')
    const [error] = node.wait<[Error?]>((done) =>
      node.storage.persist('9-9', { entries: [] }, done),
    )
    expect(error?.message).toContain('9-9')
  })
})

describe('an uncommitted tail that stays', () => {
  test('is copied forward, so that old WAL files are released', () => {
    const node = new TestNode('stubborn', { ...smallOptions, copyForwardFiles: 2 }).open()
    node.create(5, 1001)
    const stubborn = node.append([500, 600], 1, '5-0')
    const all: LogEntry[] = []
    for (let round = 0; round < 80; round += 1) {
      all.push(...node.append([3000], 1))
      node.log().commit(all.at(-1)!.index)
      if (round % 4 === 0) node.run(60)
    }
    expect(node.storage.metrics().copiedForwardEntries).toBeGreaterThan(2)
    expect(node.storage.metrics().walFiles).toBeLessThan(5)
    expect(hashes(node.readAll('5-0'))).toEqual(hashes(stubborn))
    node.crash('power').open()
    expect(hashes(node.readAll('5-0'))).toEqual(hashes(stubborn))
    expect(hashes(node.readAll())).toEqual(hashes(all))
  })

  test('in many files is copied out of one after the other, though nothing is written any more', () => {
    const node = new TestNode('many-files', { ...smallOptions, copyForwardFiles: 1 }).open()
    node.create(5, 1001)
    const stubborn: LogEntry[] = []
    let last = 0
    for (let round = 0; round < 30; round += 1) {
      stubborn.push(...node.append([50], 1, '5-0'))
      last = node.append([3000, 3000, 3000], 1).at(-1)!.index
    }
    expect(node.storage.metrics().walFiles).toBeGreaterThan(5)
    node.log().commit(last)
    node.run(2000)
    expect(node.storage.metrics().walFiles).toBeLessThanOrEqual(2)
    node.crash('power').open()
    expect(hashes(node.readAll('5-0'))).toEqual(hashes(stubborn))
  })

  test('that fills most of its files stays where it is', () => {
    const node = new TestNode('full-files', { ...smallOptions, copyForwardFiles: 1 }).open()
    const sizes = Array.from({ length: 60 }, () => 3800)
    node.append(sizes, 1)
    node.run(5000)
    expect(node.storage.metrics().walFiles).toBeGreaterThan(3)
    expect(node.storage.metrics().copiedForwardEntries).toBeLessThan(60)
  })
})

describe('a dropped replica', () => {
  const names = (node: TestNode) => node.disk.process().listSync(`${folder}/groups`)

  test('is gone with its files, also after a crash, and its group can come back under another id', () => {
    const node = new TestNode('drop').open()
    node.create(5, 1001)
    node.append([2000, 3000], 1, '5-0')
    const group = { topicId: 5, partition: 0 }
    node.wait<[Error?]>((done) => node.storage.dropReplica(group, 1001, 9, done))
    expect(node.storage.groups.has('5-0')).toBe(false)
    node.run(100)
    expect(names(node)).toEqual(['0-0.1'])
    expect(node.disk.process().listSync(`${folder}/trash`)).toEqual([])
    node.crash('power').open()
    expect(node.storage.groups.has('5-0')).toBe(false)
    expect(node.storage.executedIndex).toBe(9)
    node.create(5, 1002)
    expect(node.log('5-0').lastIndex).toBe(0)
    node.append([10], 1, '5-0')
    node.crash('power').open()
    expect(node.log('5-0').lastIndex).toBe(1)
  })

  test('is wholly there or wholly gone, whenever the crash comes', () => {
    for (let step = 0; step < 80; step += 2) {
      const node = new TestNode(`drop-${step}`).open()
      node.create(5, 1001)
      const entries = node.append([2000, 3000], 1, '5-0')
      node.log('5-0').roll(1)
      node.log('5-0').commit(1)
      node.run(step)
      node.storage.dropReplica({ topicId: 5, partition: 0 }, 1001, 9, () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 4 === 0 ? 'kill' : 'power').open()
      if (node.storage.groups.has('5-0')) {
        expect(hashes(node.readAll('5-0'))).toEqual(hashes(entries))
      } else expect(names(node)).toEqual(['0-0.1'])
    }
  })
})

describe('truncation', () => {
  test('is durable with the entries that replace what was cut', () => {
    const node = new TestNode('truncate').open()
    const old = node.append([10, 20, 30, 40], 1)
    const fresh = makeRecords(old[1]!, old[1]!.nextOffset, [50, 60], 2)
    node.setTerm(2)
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 2, entries: fresh }, done)
    })
    node.crash('power').open()
    expect(hashes(node.readAll())).toEqual(hashes([...old.slice(0, 2), ...fresh]))
  })
})
