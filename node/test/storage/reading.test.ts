import type { QuorateError } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { describe, expect, test } from 'vitest'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import type { TimedOffset } from '../../src/storage/log-view.ts'
import type { Checkpoint, ReadFrom } from '../../src/storage/storage.ts'
import { folder, makeMark, makeRecords, metadata, TestNode } from './harness.ts'

type ReadResult = [QuorateError | undefined, LogPoint, readonly LogEntry[]]

function read(
  node: TestNode,
  from: ReadFrom,
  index = Number.MAX_SAFE_INTEGER,
  bytes = 2000,
): ReadResult {
  return node.wait<ReadResult>((done) => node.log().read(from, { index, bytes }, done))
}

/** 60 entries: 1 to 30 in segments, 31 to about 50 in the WAL only, the rest in memory. */
function layered(name: string): { node: TestNode; entries: LogEntry[] } {
  const node = new TestNode(name, {
    walFileBytes: 1024 * 1024,
    cacheBytesMax: 12 * 1024,
    indexIntervalBytes: 2000,
  }).open()
  node.setTerm(1)
  const entries: LogEntry[] = []
  let previous: LogPoint = node.log().base
  let offset = 0
  for (let index = 1; index <= 60; index += 1) {
    const entry =
      index % 5 === 0
        ? makeMark(previous, 1)
        : makeRecords(previous, offset, [900 + 13 * index], 1)[0]!
    entries.push(entry)
    if (entry.nextOffset >= 0) offset = entry.nextOffset
    previous = entry
    node.persist([entry])
    if (index % 10 === 0 && index <= 30) node.log().roll(index)
    node.log().commit(index)
    if (index === 30) node.run(500)
  }
  node.run(500)
  return { node, entries }
}

describe('a log in segments, WAL and memory', () => {
  const { node, entries } = layered('layers')
  const log = node.log()

  test('lies in all three', () => {
    expect(log.segments().map((segment) => segment.lastIndex)).toEqual([10, 20, 30])
    expect(log.base.index).toBeGreaterThan(40)
    expect(log.base.index).toBeLessThan(60)
    expect(node.storage.metrics().cachedBytes).toBeLessThanOrEqual(12 * 1024)
  })

  test('is read from any index, with the point before it, across all borders', () => {
    for (let index = 1; index <= 60; index += 1) {
      const [error, previous, some] = read(node, { index })
      expect(error).toBeUndefined()
      expect(previous.index).toBe(index - 1)
      expect(previous.chain).toEqual(index === 1 ? { high: 0, low: 0 } : entries[index - 2]!.chain)
      expect(some.length).toBeGreaterThan(0)
      expect(some).toEqual(
        entries.slice(index - 1, index - 1 + some.length).map(withPayloadOf(some)),
      )
    }
  })

  test('is read from any offset, beginning with the batch that holds it', () => {
    for (let offset = 0; offset < log.endOffset; offset += 1) {
      const [error, previous, some] = read(node, { offset })
      expect(error).toBeUndefined()
      expect(some[0]!.baseOffset).toBe(offset)
      expect(previous.index).toBe(some[0]!.index - 1)
    }
  })

  test('gives one entry at least, and none above the index allowed', () => {
    for (const index of [3, 35, 58]) {
      expect(read(node, { index }, 60, 1)[2].length).toBe(1)
      expect(read(node, { index }, index, 1_000_000)[2].length).toBe(1)
      expect(read(node, { index }, index - 1)[2]).toEqual([])
    }
    expect(read(node, { offset: log.endOffset })[2]).toEqual([])
    expect(read(node, { index: 61 })[2]).toEqual([])
  })

  test('answers at once what lies in memory, and later what does not', () => {
    let calls = 0
    const count = () => {
      calls += 1
    }
    log.read({ index: 60 }, { index: 60, bytes: 1 }, count)
    expect(calls).toBe(1)
    log.read({ index: 5 }, { index: 60, bytes: 1 }, count)
    expect(calls).toBe(1)
    node.run(20)
    expect(calls).toBe(2)
  })

  test('finds the first batch that is not older than a time, wherever it lies', () => {
    const at = (timeMs: number, limit = 60) =>
      node.wait<[QuorateError | undefined, TimedOffset | undefined]>((done) => {
        log.offsetAtTime(timeMs, limit, done)
      })[1]
    // The entry of index i has append time 999 + i.
    for (let index = 1; index <= 59; index += 1) {
      const expected = entries.slice(index - 1).find((entry) => entry.baseOffset >= 0)!
      expect(at(999 + index)).toEqual({
        offset: expected.baseOffset,
        appendTimeMs: expected.appendTimeMs,
      })
    }
    expect(at(0)).toEqual({ offset: 0, appendTimeMs: 1000 })
    expect(at(5000)).toBeUndefined()
    expect(at(1010, 11)?.appendTimeMs).toBe(1010)
    expect(at(1011, 11)).toBeUndefined()
  })

  test('knows the points that replication needs', () => {
    expect(log.pointAt(log.base.index)).toBeDefined()
    for (const index of [0, 10, 20, 30, 60]) expect(log.pointAt(index)?.index).toBe(index)
    expect(log.pointAt(5)).toBeUndefined()
    expect(log.entriesFrom(log.base.index + 1).at(-1)).toBe(entries[59])
    expect(() => log.entriesFrom(log.base.index)).toThrow('not in memory')
  })

  test('starts again from index blocks alone', () => {
    const restarted = layered('restart').node
    restarted.crash('kill')
    // Damage in the middle of a segment: a start must not read there, a reader must.
    const path = `${folder}/groups/0-0.1/seg-0000000000000011`
    const file = restarted.disk.process().openSync(path, 'write')
    file.writeSync(new Uint8Array([1, 2, 3, 4]), 4096 + 600)
    restarted.open()
    expect(restarted.log().segments()).toEqual(log.segments())
    expect(read(restarted, { index: 5 })[0]).toBeUndefined()
    const [error] = read(restarted, { index: 11 })
    expect(error).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    expect(error!.message).toContain('seg-0000000000000011 at byte 4096')
    expect(read(restarted, { index: 25 })[0]).toBeUndefined()
  })
})

/** Reads from disk cut payloads into other pieces: compares joined bytes. */
function withPayloadOf(read: readonly LogEntry[]) {
  return (entry: LogEntry): LogEntry => {
    const found = read.find((each) => each.index === entry.index)!
    const bytes = (one: LogEntry) => Buffer.concat(one.payload.pieces)
    expect(Buffer.compare(bytes(entry), bytes(found))).toBe(0)
    return { ...entry, payload: found.payload }
  }
}

describe('retention', () => {
  test('deletes whole segments up to a checkpoint, and reads below fail by name', () => {
    const { node, entries } = layered('retention')
    const drop = (index: number) =>
      node.wait<[Error | undefined, number]>((done) => node.log().dropBelow(index, done))[1]
    // Without a checkpoint nothing goes.
    expect(drop(20)).toBe(0)
    const { index, term, chain } = entries[9]!
    node.wait<[Error?]>((done) => {
      node.storage.saveCheckpoint(metadata, { index, term, chain, state: new Uint8Array(5) }, done)
    })
    expect(drop(25)).toBe(10)
    expect(node.log().firstIndex).toBe(11)
    expect(node.log().start.endOffset).toBe(8)
    expect(read(node, { index: 10 })[0]).toMatchObject({ code: 'QUORATE_OFFSET_OUT_OF_RANGE' })
    expect(read(node, { offset: 7 })[0]).toMatchObject({ code: 'QUORATE_OFFSET_OUT_OF_RANGE' })
    expect(read(node, { offset: 8 })[2][0]!.index).toBe(11)
    node.run(50)
    const names = node.disk.process().listSync(`${folder}/groups/0-0.1`)
    expect(names.filter((name) => name.startsWith('seg-')).length).toBe(2)
    node.crash('power').open()
    expect(node.log().firstIndex).toBe(11)
    expect(node.opened.groups.get(metadata)!.checkpoint!.index).toBe(10)
    expect(node.readAll().map((entry) => entry.index)).toEqual(
      entries.slice(10).map((entry) => entry.index),
    )
  })
})

describe('checkpoints', () => {
  test('keep those from the log start on, and the newest two', () => {
    const { node, entries } = layered('checkpoints')
    const save = (index: number) => {
      const { term, chain } = entries[index - 1]!
      const checkpoint = { index, term, chain, state: new Uint8Array(300_000).fill(index) }
      const [error] = node.wait<[Error?]>((done) => {
        node.storage.saveCheckpoint(metadata, checkpoint, done)
      })
      expect(error).toBeUndefined()
    }
    for (const index of [5, 10, 20, 30]) save(index)
    expect(node.log().checkpoints()).toEqual([5, 10, 20, 30])
    node.wait<[Error | undefined, number]>((done) => node.log().dropBelow(20, done))
    save(60)
    expect(node.log().checkpoints()).toEqual([20, 30, 60])
    node.crash('power').open()
    const { checkpoint } = node.opened.groups.get(metadata)!
    expect(checkpoint!.index).toBe(60)
    expect(checkpoint!.state).toEqual(new Uint8Array(300_000).fill(60))
  })

  test('that are damaged are passed over for an older one', () => {
    const { node, entries } = layered('damaged-checkpoint')
    for (const index of [10, 20]) {
      const { term, chain } = entries[index - 1]!
      const checkpoint = { index, term, chain, state: new Uint8Array(300_000).fill(index) }
      node.wait<[Error?]>((done) => node.storage.saveCheckpoint(metadata, checkpoint, done))
    }
    node.crash('kill')
    const path = `${folder}/groups/0-0.1/checkpoint-0000000000000020`
    node.disk
      .process()
      .openSync(path, 'write')
      .writeSync(new Uint8Array([1]), 290_000)
    node.open()
    expect(node.opened.groups.get(metadata)!.checkpoint!.index).toBe(10)
    expect(node.events).toContainEqual(
      expect.objectContaining({ event: 'checkpoint.unusable', reason: 'it is damaged' }),
    )
    const [, recovered] = node.wait<[Error?, unknown?]>((done) =>
      node.storage.recover(metadata, done),
    )
    expect(recovered).toMatchObject({ replicaId: 1, checkpoint: { index: 10 } })
    const saved = (index: number) =>
      node.wait<[Checkpoint | undefined]>((done) =>
        node.storage.readCheckpoint(metadata, index, done),
      )[0]
    expect([saved(10)?.index, saved(20), saved(30)]).toEqual([10, undefined, undefined])
  })

  test('that are gone at the log start hold up no entry, and go with it', () => {
    const { node, entries } = layered('damaged-start')
    const save = (index: number) => {
      const { term, chain } = entries[index - 1]!
      const checkpoint = { index, term, chain, state: new Uint8Array(5) }
      node.wait<[Error?]>((done) => node.storage.saveCheckpoint(metadata, checkpoint, done))
    }
    const drop = (index: number) =>
      node.wait<[Error | undefined, number]>((done) => node.log().dropBelow(index, done))[1]
    save(10)
    save(20)
    expect(drop(10)).toBe(10)
    node.crash('kill')
    const path = `${folder}/groups/0-0.1/checkpoint-0000000000000010`
    node.disk.process().removeSync(path)
    node.open()
    expect(node.opened.groups.get(metadata)!.checkpoint!.index).toBe(20)
    expect(node.log().holes()).toMatchObject([{ firstIndex: 10, where: 'checkpoint' }])
    expect(node.log().cleanThrough).toBe(Number.POSITIVE_INFINITY)
    expect(drop(20)).toBe(20)
    expect(node.log().holes()).toEqual([])
  })

  test('of another log, or beyond what the disk holds, are refused', () => {
    const { node, entries } = layered('refused-checkpoint')
    const save = (checkpoint: {
      index: number
      term: number
      chain: { high: number; low: number }
    }) =>
      node.wait<[Error?]>((done) => {
        node.storage.saveCheckpoint(metadata, { ...checkpoint, state: new Uint8Array(1) }, done)
      })[0]
    const last = entries[59]!
    expect(save({ ...last, chain: { high: 1, low: 1 } })?.message).toContain('not of this log')
    expect(save({ ...last, index: 61 })?.message).toContain('outside of')
  })
})
