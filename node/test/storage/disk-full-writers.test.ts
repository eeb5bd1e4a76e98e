// Each writer of storage on a disk without room: what it was to write is refused by name or written
// later, the node goes on, and a crash in between finds the old or the new, never a part.
import { describe, expect, test } from 'vitest'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { readMembersSync, saveMembers } from '../../src/storage/members-file.ts'
import { folder, makeMark, metadata, smallOptions, TestNode } from './harness.ts'

const indexes = (entries: readonly LogEntry[]) => entries.map((entry) => entry.index)
const kib = 1024

/** Entries 1 to 12; a roll at 10 is due. */
function made(name: string): { node: TestNode; entries: LogEntry[] } {
  const node = new TestNode(name, { ...smallOptions, cacheBytesMax: 1 }).open()
  return { node, entries: node.append(Array(12).fill(300), 1) }
}

describe('without room', () => {
  test.each(['A', 'B'])(
    'manifest.%s is written later, and the segment it names is there',
    (letter) => {
      const { node, entries } = made(`manifest-${letter}`)
      node.run(100)
      const path = new RegExp(`manifest.${letter}`)
      node.disk.fail({ operation: 'write', path, code: 'ENOSPC', times: 3 })
      node.log().roll(10)
      node.log().commit(12)
      node.run(1500)
      expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
      node.disk.clearFaults()
      node.crash('power').open()
      expect(indexes(node.readAll())).toEqual(indexes(entries))
      node.log().roll(10)
      node.log().commit(12)
      node.run(3000)
      expect(node.storage.writable()).toBeUndefined()
      expect(
        node
          .log()
          .segments()
          .map(({ lastIndex }) => lastIndex),
      ).toEqual([10, 12])
      node.crash('power').open()
      expect(node.opened.damage).toEqual([])
      expect(indexes(node.readAll())).toEqual(indexes(entries))
    },
  )

  test.each(['A', 'B'])('hard.%s does not grow, and nothing of it is half there', (letter) => {
    const { node } = made(`grow-${letter}`)
    for (let id = 0; id < 62; id += 1) node.create(10 + id, 1000 + id)
    const path = new RegExp(`hard.${letter}`)
    node.disk.fail({ operation: 'write', path, code: 'ENOSPC' })
    expect(() => node.create(90, 2000)).toThrow(/the disk of the node is full/)
    node.setTerm(5)
    node.crash('power').open()
    expect(node.opened.amnesiac).toEqual([])
    expect(node.storage.groups.get(metadata)!.hardState.term).toBe(5)
    expect(node.storage.groups.has('90-0')).toBe(false)
    node.create(90, 2001)
    expect(node.crash('power').open().storage.groups.get('90-0')!.replicaId).toBe(2001)
  })

  test('a segment is not repaired, and can be later', () => {
    const { node, entries } = made('repair')
    node.log().roll(10)
    node.log().commit(12)
    node.run(500)
    node.crash('power')
    const segment = `${folder}/groups/0-0.1/seg-0000000000000001`
    node.disk.damage.apply({ kind: 'truncate', path: segment, to: 4096 + 700 })
    node.open()
    const [hole] = node.log().holes()
    const missing = entries.slice(hole!.firstIndex - 1, hole!.lastIndex)
    const repair = () =>
      node.wait<[Error?]>((done) => node.storage.repair(metadata, hole!, missing, done))[0]
    for (const operation of ['write', 'sync', 'name', 'open'] as const) {
      node.disk.fail({ operation, path: /seg-.*tmp/, code: 'ENOSPC' })
      expect(repair(), operation).toMatchObject({ code: 'QUORATE_DISK_FULL' })
      node.disk.clearFaults()
      expect(node.log().holes()).toEqual([hole])
    }
    expect(node.failure).toBeUndefined()
    expect(repair()).toBeUndefined()
    node.crash('power').open()
    expect(node.opened.damage).toEqual([])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('a snapshot waits for its checkpoint: until then a start finds the old log', () => {
    for (const crash of [true, false]) {
      const { node, entries } = made(`snapshot-${crash}`)
      const { index, term, chain } = entries[11]!
      const mark = { index: index + 100, term, chain, endOffset: 112, appendTimeMs: 1 }
      const snapshot = { mark, configuration: { voters: [1] }, state: new Uint8Array(9000) }
      let done = false
      node.disk.fail({ operation: 'write', path: /checkpoint/, code: 'ENOSPC', times: 3 })
      node.storage.persist(metadata, { snapshot, entries: [] }, () => {
        done = true
      })
      node.run(2500)
      expect(done).toBe(false)
      if (crash) {
        node.crash('power').open()
        expect(indexes(node.readAll())).toEqual(indexes(entries))
      } else {
        node.run(2000)
        expect(done).toBe(true)
        node.crash('power').open()
        expect(node.log().start).toMatchObject({ index: 112 })
        expect(node.opened.groups.get(metadata)!.checkpoint?.state.byteLength).toBe(9000)
      }
    }
  })

  test('the file of the members stays the old one', () => {
    const { node } = made('members')
    const disk = node.disk.process()
    const nodes = [{ nodeId: 'n1', incarnation: 'a'.repeat(16), address: 'h:1' }]
    const save = (index: number) =>
      node.wait<[unknown]>((done) => saveMembers(disk, folder, { index, nodes }, done))[0]
    expect(save(1)).toBeUndefined()
    node.disk.fail({ operation: 'write', path: /members/, code: 'ENOSPC' })
    expect(save(2)).toMatchObject({ code: 'ENOSPC' })
    expect(readMembersSync(disk, folder)).toMatchObject({ index: 1 })
    expect(save(3)).toBeUndefined()
    expect(readMembersSync(disk, folder)).toMatchObject({ index: 3 })
  })
})

describe('a start on a full disk without a spare', () => {
  /** The disk has this much left, and no file that the next start could take. */
  function full(name: string, leftBytes: number) {
    const options = { ...smallOptions, walFileBytes: 1024 * kib, diskReserveBytes: 0 }
    const node = new TestNode(name, options).open()
    node.run(100)
    node.disk.capacityBytes = node.disk.usedBytes()
    while (node.storage.writable() === undefined) node.append([10_000], 1)
    const lastIndex = node.log().lastIndex
    node.crash('kill')
    node.disk.capacityBytes = node.disk.usedBytes() + leftBytes
    return { node, lastIndex }
  }

  test('reads, votes and takes marks in a small file, and refuses records until there is room', () => {
    const { node, lastIndex } = full('small', 400 * kib)
    node.open().run(50)
    expect(node.log().lastIndex).toBe(lastIndex)
    expect(node.readAll().length).toBe(lastIndex)
    node.setTerm(2)
    node.persist([makeMark(node.log().pointAt(lastIndex)!, 2)])
    node.run(100)
    expect(node.storage.writable()).toBe('QUORATE_DISK_FULL')
    node.crash('power').open().run(50)
    expect(node.log().lastIndex).toBe(lastIndex + 1)
    node.disk.capacityBytes = Number.POSITIVE_INFINITY
    node.run(2500)
    expect(node.storage.writable()).toBeUndefined()
    for (let count = 0; count < 30; count += 1) node.append([10_000], 2)
    node.crash('power').open()
    expect(node.readAll().length).toBe(lastIndex + 31)
  })

  test('ends with QUORATE_DISK_FULL when not even that fits, and changes nothing', () => {
    const { node, lastIndex } = full('none', 8 * kib)
    for (let start = 0; start < 3; start += 1) {
      expect(() => node.open()).toThrow(expect.objectContaining({ code: 'QUORATE_DISK_FULL' }))
      node.crash('power')
    }
    node.disk.capacityBytes = Number.POSITIVE_INFINITY
    node.open()
    expect(node.readAll().length).toBe(lastIndex)
    expect(node.opened.damage).toEqual([])
  })
})
