import { describe, expect, test } from 'vitest'
import { chainText } from '../../src/storage/entry-format.ts'
import { makeRecords, metadata, TestNode } from './harness.ts'

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
