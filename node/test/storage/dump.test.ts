import { describe, expect, test } from 'vitest'
import { SyncedEntries } from '../../src/simulation/synced-entries.ts'
import { dumpStorage } from '../../src/storage/dump.ts'
import { chainText } from '../../src/storage/entry-format.ts'
import { groupKey, type LogEntry, metadataGroup } from '../../src/storage/log-entry.ts'
import { folder, makeRecords, metadata, TestNode } from './harness.ts'

function written(name: string): { node: TestNode; entries: LogEntry[] } {
  const node = new TestNode(name).open()
  node.create(12, 1001)
  node.create(5, 1002)
  const entries: LogEntry[] = []
  for (let round = 0; round < 10; round += 1) {
    entries.push(...node.append([300, 2000], 1))
    node.append([7], 1, '12-0')
    if (round === 4) {
      node.log().roll(7)
      node.log().commit(7)
      node.run(200)
    }
  }
  return { node, entries }
}

describe('a dump', () => {
  test('gives every entry of every group, segments first, and changes nothing', () => {
    const { node, entries } = written('dump')
    node.crash('kill')
    const before = node.disk.usedBytes()
    for (let time = 0; time < 2; time += 1) {
      const dump = dumpStorage(node.disk.process(), folder)
      expect(dump.nodeId).toBe('n1')
      expect(dump.groups.map(({ group }) => group.topicId)).toEqual([0, 5, 12])
      const rows = [...dump.groups[0]!.rows]
      expect(rows.map((row) => `${row.index} ${row.chain} ${row.payloadCrc}`)).toEqual(
        entries.map(({ index, chain, payloadCrc }) => {
          return `${index} ${chainText(chain)} ${payloadCrc.toString(16).padStart(8, '0')}`
        }),
      )
      expect(rows.filter((row) => row.place === 'segment').length).toBe(7)
      expect([...dump.groups[1]!.rows]).toEqual([])
      expect([...dump.groups[2]!.rows].map((row) => row.baseOffset)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ])
    }
    expect(node.disk.usedBytes()).toBe(before)
  })

  test('tells what a start would drop, without dropping it', () => {
    const node = new TestNode('dump-torn').open()
    node.append([100], 1)
    node.crash('kill')
    const file = node.disk.process().openSync(`${folder}/wal/wal-0000000001`, 'write')
    file.writeSync(new Uint8Array([1]), 4096 + 700)
    const events = () => dumpStorage(node.disk.process(), folder).events.map(({ event }) => event)
    expect(events()).toEqual(['wal.tail-dropped'])
    expect(events()).toEqual(['wal.tail-dropped'])
  })

  test('stops at damage in a segment, after what comes before it', () => {
    const { node } = written('dump-damage')
    node.crash('kill')
    const path = `${folder}/groups/0-0.1/seg-0000000000000001`
    node.disk
      .process()
      .openSync(path, 'write')
      .writeSync(new Uint8Array([1, 2]), 4096 + 600)
    const indexes: number[] = []
    const iterate = () => {
      for (const row of dumpStorage(node.disk.process(), folder).groups[0]!.rows)
        indexes.push(row.index)
    }
    expect(iterate).toThrow(/seg-0000000000000001 at byte/)
    expect(indexes).toEqual([1])
  })
})

describe('the oracle of synced entries', () => {
  test('knows an entry when its write has reached the platter, before the completion', () => {
    const node = new TestNode('oracle').open()
    const synced = new SyncedEntries(node.disk, folder)
    node.setTerm(1)
    const [one, two] = makeRecords(node.log().base, 0, [10, 20], 1) as [LogEntry, LogEntry]
    const key = groupKey(metadataGroup)
    let held = false
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { entries: [one] }, (error) => {
        held = synced.holds(key, 1, one.chain)
        done(error)
      })
      expect(synced.holds(key, 1, one.chain)).toBe(false)
    })
    expect(held).toBe(true)
    node.persist([two])
    expect(synced.holds(key, 2, two.chain)).toBe(true)
    const [other] = makeRecords(one, one.nextOffset, [30], 2) as [LogEntry]
    node.setTerm(2)
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 1, entries: [other] }, done)
    })
    expect(synced.holds(key, 2, two.chain)).toBe(false)
    expect(synced.holds(key, 2, other.chain)).toBe(true)
    node.crash('power').open()
    synced.reload()
    expect(synced.holds(key, 1, one.chain)).toBe(true)
    expect(synced.holds(key, 2, other.chain)).toBe(true)
    expect(synced.holds(key, 3, other.chain)).toBe(false)
  })
})
