import { describe, expect, test } from 'vitest'
import { encodeConfiguration } from '../../src/replication/configuration-entry.ts'
import { makeEntry } from '../../src/storage/entry-format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import type { LogHole } from '../../src/storage/storage.ts'
import { walPath } from '../../src/storage/wal-file.ts'
import { folder, makeRecords, metadata, smallOptions, TestNode } from './harness.ts'

const segment = `${folder}/groups/0-0.1/seg-0000000000000001`
const indexes = (entries: readonly LogEntry[]) => entries.map((entry) => entry.index)

function repair(node: TestNode, hole: LogHole, entries: readonly LogEntry[]): Error | undefined {
  return node.wait<[Error?]>((done) => node.storage.repair(metadata, hole, entries, done))[0]
}

/** Entries 1 to 12, of which 1 to 10 are in one segment; the payload of some is damaged. */
function withSegment(name: string, damaged: readonly number[], options = {}) {
  const node = new TestNode(name, { ...smallOptions, cacheBytesMax: 1, ...options }).open()
  const entries = node.append(Array(12).fill(300), 1)
  node.log().roll(10)
  node.log().commit(12)
  node.run(500)
  node.crash('power')
  let position = 4096
  for (const entry of entries) {
    if (damaged.includes(entry.index)) {
      node.disk.damage.apply({ kind: 'flip', path: segment, at: position + 200 })
    }
    position += entry.sizeBytes
  }
  return { node: node.open(), entries }
}

const reread = (node: TestNode, hole: LogHole) =>
  node.wait<[(readonly LogEntry[])?]>((done) => node.storage.reread(metadata, hole, done))[0]

const read = (node: TestNode, index: number) =>
  node.wait<[Error | undefined, unknown, readonly LogEntry[]]>((done) =>
    node.log().read({ index }, { index: 12, bytes: 100_000 }, done),
  )

describe('damage that a read finds in a segment', () => {
  test('is a hole of exactly the entry, which never leaves the node', () => {
    const { node } = withSegment('exact', [4])
    expect(node.log().holes()).toEqual([])
    expect(read(node, 1)[0]).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    expect(node.log().holes()).toMatchObject([
      { firstIndex: 4, lastIndex: 4, where: 'segment', evidence: 'synced', file: segment },
    ])
    expect(node.holes.map(({ firstIndex }) => firstIndex)).toEqual([4])
    expect(indexes(read(node, 1)[2])).toEqual([1, 2, 3])
    expect(indexes(read(node, 5)[2])).toEqual([5, 6, 7, 8, 9, 10])
    expect(node.storage.damage()).toMatchObject([{ state: 'faulty', firstIndex: 4, lastIndex: 4 }])
    const at = (offset: number) =>
      node.wait<[Error | undefined, unknown, readonly LogEntry[]]>((done) =>
        node.log().read({ offset }, { index: 12, bytes: 100_000 }, done),
      )
    expect(at(3)[0]).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    expect(indexes(at(4)[2])[0]).toBe(5)
  })

  test('is a hole when the scrubber finds it, too', () => {
    const { node } = withSegment('scrub', [4, 7], { scrubCycleMs: 100 })
    node.run(3000)
    expect(node.log().holes()).toMatchObject([{ firstIndex: 4 }, { firstIndex: 7 }])
    expect(node.holes.length).toBe(2)
  })

  test('is repaired in a new file, over a crash too', () => {
    const { node, entries } = withSegment('swap', [4])
    read(node, 1)
    const [hole] = node.log().holes()
    expect(repair(node, hole!, [entries[4]!])).toMatchObject({ code: 'QUORATE_INVALID_ARGUMENT' })
    expect(repair(node, hole!, [entries[3]!])).toBeUndefined()
    expect(node.log().holes()).toEqual([])
    expect(node.storage.damage()).toMatchObject([{ state: 'repaired', firstIndex: 4 }])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
    node.crash('power').open()
    expect(node.opened.damage).toEqual([])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('at two places is repaired as one', () => {
    const { node, entries } = withSegment('two', [3, 8])
    read(node, 1)
    read(node, 4)
    expect(node.log().holes()).toMatchObject([{ firstIndex: 3 }, { firstIndex: 8 }])
    expect(repair(node, node.log().holes()[0]!, [entries[2]!])).toBeDefined()
    const [hole] = node.log().holes()
    expect(hole).toMatchObject({ firstIndex: 3, lastIndex: 8 })
    expect(repair(node, hole!, entries.slice(2, 8))).toBeUndefined()
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('crashing anywhere while it is repaired leaves the old file or the new one', () => {
    for (let step = 0; step < 40; step += 1) {
      const { node, entries } = withSegment(`crash-${step}`, [4])
      read(node, 1)
      node.storage.repair(metadata, node.log().holes()[0]!, [entries[3]!], () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 2 === 0 ? 'power' : 'kill').open()
      read(node, 1)
      const [hole] = node.log().holes()
      if (hole !== undefined) expect(repair(node, hole, [entries[3]!])).toBeUndefined()
      expect(indexes(node.readAll())).toEqual(indexes(entries))
    }
  })

  test('of a whole file, or of its index, is found by the start', () => {
    for (const damage of [
      { kind: 'delete', path: segment },
      { kind: 'truncate', path: segment, to: 5000 },
      { kind: 'zero', path: segment, from: 0, to: 4096 },
    ] as const) {
      const { node, entries } = withSegment(`whole-${damage.kind}`, [])
      node.crash('power')
      node.disk.damage.apply(damage)
      node.open()
      const [hole] = node.log().holes()
      if (damage.kind === 'zero') expect(hole).toBeUndefined()
      else {
        expect(hole).toMatchObject({ lastIndex: 10, where: 'segment' })
        const missing = entries.slice(hole!.firstIndex - 1, 10)
        expect(repair(node, hole!, missing)).toBeUndefined()
      }
      expect(indexes(node.readAll())).toEqual(indexes(entries))
      node.crash('power').open()
      expect(indexes(node.readAll())).toEqual(indexes(entries))
    }
  })
})

/** Lets every read of the path fail until the faults are cleared. */
function failReads(node: TestNode, path: RegExp): void {
  node.disk.fail({ operation: 'read', path, code: 'EIO', times: 1000 })
}

describe('a hole that is read once more', () => {
  /** Entries 1 to 12 in the WAL, those that are committed out of memory. */
  function inWal(name: string) {
    const node = new TestNode(name, { ...smallOptions, cacheBytesMax: 1 }).open()
    const entries = node.append(Array(12).fill(300), 1)
    node.log().commit(8)
    expect(node.log().segments()).toEqual([])
    return { node, entries }
  }

  test('is gone when the WAL gives the entry after all, and nothing is written', () => {
    const { node, entries } = inWal('reread-wal')
    failReads(node, /wal/)
    expect(read(node, 3)[0]).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    const [hole] = node.log().holes()
    expect(hole).toMatchObject({ firstIndex: 3, lastIndex: 3, where: 'wal' })
    expect(reread(node, hole!)).toBeUndefined()
    expect(node.log().cleanThrough).toBe(2)
    node.disk.clearFaults()
    const { walBatches, walEntries } = node.storage.metrics()
    const { index, term, chain } = entries[2]!
    expect(reread(node, hole!)).toMatchObject([{ index, term, chain }])
    expect(node.log().holes()).toEqual([])
    expect(node.log().cleanThrough).toBe(Number.POSITIVE_INFINITY)
    expect(node.storage.metrics()).toMatchObject({ walBatches, walEntries })
    expect(node.storage.damage()).toMatchObject([{ state: 'repaired', firstIndex: 3 }])
    expect(reread(node, hole!)).toBeUndefined()
    expect(indexes(node.readAll())).toEqual(indexes(entries))
    // It moves to a segment like any other.
    node.log().roll(8)
    node.log().commit(12)
    node.run(500)
    expect(node.log().segments()).toMatchObject([{ firstIndex: 1, lastIndex: 8 }])
    node.crash('power').open()
    expect(node.opened.damage).toEqual([])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('stays when the bytes in the WAL are others', () => {
    const { node, entries } = inWal('reread-wal-flip')
    failReads(node, /wal/)
    read(node, 3)
    node.disk.clearFaults()
    const [hole] = node.log().holes()
    expect(
      node.disk.damage.apply({ kind: 'flip', path: hole!.file, at: hole!.from + 200 }),
    ).toBeDefined()
    expect(reread(node, hole!)).toBeUndefined()
    expect(node.log().holes()).toMatchObject([{ firstIndex: 3 }])
    expect(repair(node, hole!, [entries[2]!])).toBeUndefined()
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('is gone when only one read gave a wrong bit', () => {
    const { node, entries } = inWal('reread-bit')
    const bit = { kind: 'flip', path: walPath(folder, 1), at: 4096 * 2 + 200 } as const
    expect(node.disk.damage.apply(bit)).toBeDefined()
    expect(read(node, 1)[0]).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    const [hole] = node.log().holes()
    expect(reread(node, hole!)).toBeUndefined()
    expect(node.disk.damage.apply(bit)).toBeDefined()
    expect(reread(node, hole!)).toHaveLength(1)
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test.each([
    ['the read', 'read', 1],
    ['the opening of the file', 'open', 1],
  ] as const)('is gone when %s of a segment had failed', (what, operation, firstIndex) => {
    const { node, entries } = withSegment(`reread-${operation}`, [])
    node.disk.fail({ operation, path: /seg-/, code: 'EIO', times: 1000 })
    expect(read(node, 1)[0], what).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    const [hole] = node.log().holes()
    expect(hole).toMatchObject({ firstIndex, where: 'segment' })
    expect(reread(node, hole!)).toBeUndefined()
    node.disk.clearFaults()
    const found = reread(node, hole!)!
    expect(indexes(found)).toEqual(indexes(entries.slice(0, hole!.lastIndex)))
    expect(node.log().holes()).toEqual([])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('in a segment leaves the one beside it, which is damaged, as it was', () => {
    const { node, entries } = withSegment('reread-beside', [3])
    read(node, 1)
    failReads(node, /seg-/)
    read(node, 8)
    node.disk.clearFaults()
    const [damaged, other] = node.log().holes()
    expect(damaged).toMatchObject({ firstIndex: 3, lastIndex: 3 })
    expect(reread(node, damaged!)).toBeUndefined()
    const found = reread(node, other!)!
    expect(indexes(found)[0]).toBe(other!.firstIndex)
    expect(node.log().holes()).toEqual([damaged])
    expect(indexes(read(node, 4)[2])).toEqual([4, 5, 6, 7, 8, 9, 10])
    expect(repair(node, damaged!, [entries[2]!])).toBeUndefined()
    expect(indexes(node.readAll())).toEqual(indexes(entries))
  })

  test('that a start made of a whole segment is gone, by index and by offset', () => {
    const { node, entries } = withSegment('reread-start', [])
    node.crash('power')
    failReads(node, /seg-/)
    node.open()
    node.disk.clearFaults()
    const [hole] = node.log().holes()
    expect(hole).toMatchObject({ firstIndex: 1, lastIndex: 10, where: 'segment', from: 0 })
    expect(indexes(reread(node, hole!)!)).toEqual(indexes(entries.slice(0, 10)))
    expect(indexes(node.readAll())).toEqual(indexes(entries))
    const [error, , found] = node.wait<[Error | undefined, unknown, readonly LogEntry[]]>((done) =>
      node.log().read({ offset: 4 }, { index: 12, bytes: 1 }, done),
    )
    expect(error).toBeUndefined()
    expect(indexes(found)).toEqual([5])
  })

  test('is gone with the log that began anew while it was read', () => {
    const { node } = inWal('reread-dropped')
    failReads(node, /wal/)
    read(node, 3)
    node.disk.clearFaults()
    const [hole] = node.log().holes()
    let given: readonly LogEntry[] | undefined | 'nothing yet' = 'nothing yet'
    node.storage.reread(metadata, hole!, (entries) => {
      given = entries
    })
    const mark = { index: 50, term: 3, chain: { high: 7, low: 9 }, endOffset: 40, appendTimeMs: 9 }
    const snapshot = { mark, configuration: { voters: [1] }, state: new Uint8Array(9) }
    node.wait<[Error?]>((done) => {
      const hardState = { term: 3, votedFor: 0 }
      node.storage.persist(metadata, { hardState, snapshot, entries: [] }, done)
    })
    expect(given).toBeUndefined()
    expect(node.log().holes()).toEqual([])
    expect(node.log().lastIndex).toBe(50)
  })
})

describe('a segment of which only the index is lost', () => {
  /** Header, or everything behind the last entry. */
  function worn(name: string, where: 'header' | 'footer') {
    const { node, entries } = withSegment(name, [])
    const bytes = entries.slice(0, 10).reduce((sum, { sizeBytes }) => sum + sizeBytes, 4096)
    node.crash('power')
    const at = where === 'header' ? 20 : bytes + 10
    expect(node.disk.damage.apply({ kind: 'flip', path: segment, at })).toBeDefined()
    return { node: node.open(), entries }
  }

  test.each(['header', 'footer'] as const)(
    '(%s) is written again, and the next start finds it whole',
    (where) => {
      const { node, entries } = worn(`worn-${where}`, where)
      expect(node.log().holes()).toEqual([])
      expect(node.storage.damage()).toMatchObject([{ state: 'faulty', file: segment }])
      node.run(500)
      expect(node.storage.damage()).toMatchObject([{ state: 'repaired', file: segment }])
      expect(indexes(node.readAll())).toEqual(indexes(entries))
      node.crash('power').open()
      expect(node.opened.damage).toEqual([])
      expect(indexes(node.readAll())).toEqual(indexes(entries))
    },
  )

  test('is left to the next start by a full disk, and read as before', () => {
    const { node, entries } = worn('worn-full', 'footer')
    node.disk.fail({ operation: 'write', path: /seg-.*tmp/, code: 'ENOSPC' })
    node.run(500)
    expect(node.failure).toBeUndefined()
    expect(node.storage.damage()).toMatchObject([{ state: 'faulty', file: segment }])
    expect(indexes(node.readAll())).toEqual(indexes(entries))
    node.crash('power').open().run(500)
    expect(node.storage.damage()).toMatchObject([{ state: 'repaired', file: segment }])
  })

  test('crashing anywhere while it is written again loses nothing', () => {
    for (let step = 0; step < 60; step += 1) {
      const { node, entries } = worn(`worn-crash-${step}`, 'footer')
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 2 === 0 ? 'power' : 'kill').open()
      expect(node.log().holes()).toEqual([])
      expect(indexes(node.readAll())).toEqual(indexes(entries))
      node.run(500).crash('power').open()
      expect(node.opened.damage).toEqual([])
    }
  })
})

describe('a hole in the WAL', () => {
  function withHole(name: string) {
    const node = new TestNode(name).open()
    const entries = [...node.append([100], 1), ...node.append([900], 1), ...node.append([300], 1)]
    node.crash('kill')
    // Header block, batch 1 of two blocks, directory of batch 2.
    const at = 4096 * 4 + 600
    expect(node.disk.damage.apply({ kind: 'flip', path: walPath(folder, 1), at })).toBeDefined()
    node.open()
    expect(node.log().holes()).toMatchObject([{ firstIndex: 2, lastIndex: 2, where: 'wal' }])
    return { node, entries }
  }

  /** Entries 1 to 4, of which 2 to 4 are one batch that perhaps was never written. */
  function withTornBatch(name: string) {
    const node = new TestNode(name).open()
    const entries = [...node.append([100], 1), ...node.append([50, 50, 50], 1)]
    node.crash('kill')
    // The payload from its first byte on: which entries it held, not what they were.
    for (let byte = 0; byte < 8; byte += 1) {
      node.disk.damage.apply({ kind: 'flip', path: walPath(folder, 1), at: 4096 * 4 + byte })
    }
    node.open()
    expect(node.log().holes()).toMatchObject([{ firstIndex: 2, lastIndex: 4, evidence: 'begun' }])
    return { node, entries }
  }

  test('is filled, and stays so', () => {
    const { node, entries } = withHole('fill')
    expect(repair(node, node.log().holes()[0]!, [entries[1]!])).toBeUndefined()
    expect(node.log().holes()).toEqual([])
    expect(node.log().endOffset).toBe(3)
    expect(indexes(node.readAll())).toEqual([1, 2, 3])
    node.log().commit(3)
    node.crash('power').open()
    expect(node.log().holes()).toEqual([])
    expect(indexes(node.readAll())).toEqual([1, 2, 3])
  })

  test('that is truncated while it is filled does not come back', () => {
    const { node, entries } = withHole('cut')
    node.storage.repair(metadata, node.log().holes()[0]!, [entries[1]!], () => {})
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 1, entries: [] }, done)
    })
    expect(node.crash('power').open().log().lastIndex).toBe(1)
    expect(node.log().holes()).toEqual([])
  })

  test('whose end is overwritten is filled up to there', () => {
    const { node, entries } = withTornBatch('overwritten')
    const [, second, third] = entries
    const next = makeRecords(third!, 3, [70, 70], 2)
    node.setTerm(2)
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { truncateAfter: 3, entries: next }, done)
    })
    const [hole] = node.log().holes()
    expect(hole).toMatchObject({ firstIndex: 2, evidence: 'begun' })
    expect(node.log().cleanThrough).toBe(1)
    const wanted = [second!, third!, ...next].slice(0, hole!.lastIndex - 1)
    expect(repair(node, hole!, wanted)).toBeUndefined()
    expect(node.log().holes()).toEqual([])
    expect(indexes(node.readAll())).toEqual([1, 2, 3, 4, 5])
    node.crash('power').open()
    expect(node.log().holes()).toEqual([])
    expect(indexes(node.readAll())).toEqual([1, 2, 3, 4, 5])
  })

  test('that perhaps nobody has whole is filled with its first entries, over crashes', () => {
    for (let step = 0; step < 30; step += 1) {
      const { node, entries } = withTornBatch(`part-${step}`)
      const [hole] = node.log().holes()
      expect(repair(node, hole!, [entries[2]!])).toBeDefined()
      expect(repair(node, hole!, [])).toBeDefined()
      expect(repair(node, hole!, [makeRecords(entries[0]!, 1, [77], 2)[0]!])).toBeDefined()
      node.storage.repair(metadata, hole!, entries.slice(1, 3), () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 2 === 0 ? 'power' : 'kill').open()
      const [left] = node.log().holes()
      // A copy that a crash tore is a hole of its own, as far as it went.
      expect(node.log().holes().at(-1)).toMatchObject({ lastIndex: 4, evidence: 'begun' })
      if (left!.firstIndex === 2) expect(repair(node, left!, entries.slice(1, 3))).toBeUndefined()
      expect(node.log().holes()).toMatchObject([{ firstIndex: 4, evidence: 'begun' }])
      expect(node.log().cleanThrough).toBe(3)
      expect(node.storage.damage().at(-1)).toMatchObject({ state: 'faulty', firstIndex: 4 })
      // Now the group decides: nobody has the last one, or somebody does.
      if (step % 3 === 0) {
        node.wait<[Error?]>((done) => {
          node.storage.persist(metadata, { truncateAfter: 3, entries: [] }, done)
        })
      } else expect(repair(node, node.log().holes()[0]!, entries.slice(3))).toBeUndefined()
      node.crash('power').open()
      expect(node.log().holes()).toEqual([])
      expect(indexes(node.readAll())).toEqual(step % 3 === 0 ? [1, 2, 3] : [1, 2, 3, 4])
    }
  })

  test('proven to have been synced is filled whole or not at all', () => {
    const node = new TestNode('synced-part').open()
    const entries = [...node.append([100], 1), ...node.append([50, 50], 1), ...node.append([9], 1)]
    node.crash('kill')
    for (let byte = 0; byte < 8; byte += 1) {
      node.disk.damage.apply({ kind: 'flip', path: walPath(folder, 1), at: 4096 * 4 + byte })
    }
    const [hole] = node.open().log().holes()
    expect(hole).toMatchObject({ firstIndex: 2, lastIndex: 3, evidence: 'synced' })
    expect(repair(node, hole!, [entries[1]!])).toMatchObject({ code: 'QUORATE_INVALID_ARGUMENT' })
    expect(repair(node, hole!, entries.slice(1, 3))).toBeUndefined()
  })

  test('crashing anywhere while it is filled leaves the hole or the entry', () => {
    for (let step = 0; step < 30; step += 1) {
      const { node, entries } = withHole(`fill-${step}`)
      node.storage.repair(metadata, node.log().holes()[0]!, [entries[1]!], () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 2 === 0 ? 'power' : 'kill').open()
      const [hole] = node.log().holes()
      if (hole !== undefined) expect(repair(node, hole, [entries[1]!])).toBeUndefined()
      expect(indexes(node.readAll())).toEqual([1, 2, 3])
    }
  })
})

describe('a snapshot', () => {
  const chain = { high: 7, low: 9 }
  const mark = { index: 50, term: 3, chain, endOffset: 40, appendTimeMs: 2 ** 41 }
  const snapshot = {
    mark,
    configuration: { voters: [1, 2], learners: [3] },
    state: new Uint8Array(1000).fill(5),
  }

  function install(node: TestNode, entries: readonly LogEntry[], done: (error?: Error) => void) {
    const hardState = { term: 3, votedFor: 0 }
    node.storage.persist(metadata, { hardState, snapshot, entries }, done)
  }

  test('is where the log begins anew, at once and after a crash', () => {
    const { node } = withSegment('install', [])
    const entries = makeRecords(mark, mark.endOffset, [10, 20], 3)
    node.wait<[Error?]>((done) => install(node, entries, done))
    const check = () => {
      expect(node.log().start).toEqual(mark)
      expect(indexes(node.readAll())).toEqual([51, 52])
      expect(node.storage.groups.get(metadata)).toMatchObject({
        configuration: snapshot.configuration,
        hardState: { term: 3 },
      })
    }
    check()
    node.crash('power').open()
    check()
    expect(node.opened.groups.get(metadata)!.checkpoint).toMatchObject({ index: 50 })
    expect(node.opened.damage).toEqual([])
    node.log().commit(52)
    node.log().roll(52)
    node.run(200)
    node.append([30], 3)
    node.crash('power').open()
    expect(indexes(node.readAll())).toEqual([51, 52, 53])
    const names = node.disk.process().listSync(`${folder}/groups/0-0.1`)
    expect(names).not.toContain('seg-0000000000000001')
  })

  test('is not undone by a log start that was on its way', () => {
    for (let step = 0; step < 12; step += 1) {
      const { node } = withSegment(`install-retention-${step}`, [])
      const { term, chain } = node.log().pointAt(10)!
      const checkpoint = { index: 10, term, chain, state: new Uint8Array(5) }
      node.wait<[Error?]>((done) => node.storage.saveCheckpoint(metadata, checkpoint, done))
      node.log().dropBelow(10, () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.wait<[Error?]>((done) => install(node, [], done))
      node.run(100)
      expect(node.log().start).toEqual(mark)
    }
  })

  test('interrupted anywhere leaves the old log or the new one', () => {
    let olds = 0
    let news = 0
    for (let step = 0; step < 60; step += 1) {
      const { node } = withSegment(`install-${step}`, [])
      const entries = makeRecords(mark, mark.endOffset, [10, 20], 3)
      let isDone = false
      install(node, entries, () => {
        isDone = true
      })
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node
        .crash(step % 2 === 0 ? 'power' : 'kill')
        .open()
        .dropUndecided()
      const found = indexes(node.readAll())
      if (found[0] === 1) {
        olds += 1
        expect(found.length).toBe(12)
        expect(isDone).toBe(false)
      } else {
        news += 1
        expect([0, 2]).toContain(found.length)
        expect(node.log().start).toEqual(mark)
        expect(node.opened.groups.get(metadata)!.checkpoint).toMatchObject({ index: 50 })
        expect(node.opened.groups.get(metadata)!.configuration).toEqual(snapshot.configuration)
      }
      expect(node.opened.groups.get(metadata)!.condition).toBe('clean')
    }
    expect(olds).toBeGreaterThan(3)
    expect(news).toBeGreaterThan(3)
  })
})

test('a configuration that a segment holds is in the hard state before', () => {
  const node = new TestNode('configuration').open()
  const configuration = { voters: [1, 2, 3], outgoing: [1] }
  const before = node.append([10], 1)[0]!
  const payload = encodeConfiguration(configuration, (replica) => `n${replica}`)
  const entry = makeEntry(before, {
    term: 1,
    type: EntryType.configuration,
    appendTimeMs: 5,
    payload,
  })
  node.persist([entry])
  node.append([10], 1)
  expect(node.storage.groups.get(metadata)!.configuration).toEqual({ voters: [1] })
  node.log().roll(3)
  node.log().commit(3)
  node.run(500)
  expect(node.log().segments().length).toBe(1)
  expect(node.crash('power').open().opened.groups.get(metadata)!.configuration).toEqual(
    configuration,
  )
})

test('a lost replica lies beside the one that replaces it, until it is dropped', () => {
  const node = new TestNode('beside').open()
  node.create(5, 1001)
  node.append([10, 20], 1, '5-0')
  node.crash('power')
  for (const file of ['hard.A', 'hard.B']) {
    // Both slots of pair 2.
    node.disk.damage.apply({ kind: 'flip', path: `${folder}/${file}`, at: 4096 + 2048 + 40 })
    node.disk.damage.apply({ kind: 'flip', path: `${folder}/${file}`, at: 4096 + 2560 + 40 })
  }
  node.open()
  const group = { topicId: 5, partition: 0 }
  expect(node.opened.amnesiac).toMatchObject([{ group, replicaId: 1001 }])
  expect(() => node.create(5, 1001)).toThrow('lost')
  node.create(5, 2002)
  node.append([30], 2, '5-0')
  node.crash('power').open()
  expect(node.opened.amnesiac.length).toBe(1)
  expect(node.storage.groups.get('5-0')!.replicaId).toBe(2002)
  node.wait<[Error?]>((done) => node.storage.dropReplica(group, 1001, 9, done))
  node.run(50)
  node.crash('power').open()
  expect(node.opened.amnesiac).toEqual([])
  expect(node.storage.groups.get('5-0')!.replicaId).toBe(2002)
  expect(node.disk.process().listSync(`${folder}/groups`)).toEqual(['0-0.1', '5-0.2002'])
})
