import { chunksOf } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { GroupNodes } from '../../src/replication/group-nodes.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/replication/group-snapshot.ts'
import { SnapshotIntake } from '../../src/replication/snapshot-intake.ts'
import { SnapshotPacer } from '../../src/replication/snapshot-pacer.ts'
import { type SnapshotPiece, SnapshotSource } from '../../src/replication/snapshot-source.ts'
import { chainText } from '../../src/storage/chain.ts'
import type { Checkpoint } from '../../src/storage/storage.ts'
import { FakeLog } from './fake-storage.ts'

const chain = { high: 0xdead_beef, low: 7 }
const mark = { index: 500, term: 3, chain, endOffset: 2 ** 40 + 1, appendTimeMs: 1_700_000_000_000 }
const configuration = { voters: [1, 2, 1003], learners: [1004] }
const nodeOf = (replica: number) => `n${replica}`
const snapshotOf = (state: Uint8Array) => encodeSnapshot({ mark, configuration, state }, nodeOf)

describe('the bytes of a snapshot', () => {
  test('are these', () => {
    const bytes = snapshotOf(new Uint8Array([1, 2, 3]))
    expect(Buffer.from(bytes.subarray(0, 64)).toString('hex')).toBe(
      '51534e50e277f3a700000001000000ab00000000000001f40000000000000003' +
        'deadbeef0000000700000100000000010000018bcfe568000000000000000003',
    )
    expect(bytes.byteLength).toBe(64 + 171 + 4 + 3)
  })

  test('bring back what was put in, for states of any size', () => {
    for (const size of [0, 1, 64 * 1024, 64 * 1024 + 1, 300_000]) {
      const state = new Uint8Array(size).map((_, at) => at * 31)
      const decoded = decodeSnapshot(snapshotOf(state))!
      expect(decoded.mark).toEqual(mark)
      expect(chainText(decoded.mark.chain)).toBe(chainText(chain))
      expect(decoded.configuration).toEqual(configuration)
      expect(decoded.nodes.get(1004)).toBe('n1004')
      expect(decoded.state).toEqual(state)
    }
  })

  test('are refused when any of them is changed, missing or too much', () => {
    const bytes = snapshotOf(new Uint8Array(70_000).fill(5))
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.byteLength - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, by) => {
          const changed = bytes.slice()
          changed[at]! ^= by
          expect(decodeSnapshot(changed)).toBeUndefined()
          expect(decodeSnapshot(bytes.subarray(0, at))).toBeUndefined()
        },
      ),
      { numRuns: 300 },
    )
    expect(decodeSnapshot(new Uint8Array([...bytes, 0]))).toBeUndefined()
  })
})

class Source {
  readonly log = new FakeLog({ topicId: 9, partition: 0 }, 1)
  readonly reads: ((checkpoint: Checkpoint | undefined) => void)[] = []
  readonly pieces: SnapshotPiece[] = []
  committed = configuration
  unknown: readonly number[] = []
  admits = true
  readonly source = new SnapshotSource({
    key: '9-0',
    log: this.log,
    storage: { readCheckpoint: (_key, _index, done) => this.reads.push(done) },
    nodeOf: (replica) => (this.unknown.includes(replica) ? undefined : nodeOf(replica)),
    committed: () => this.committed,
    admits: () => this.admits,
  })

  constructor() {
    this.log.start = mark
  }

  ask(offset: number, bytesMax = 100): void {
    this.source.read(offset, bytesMax, (piece) => this.pieces.push(piece))
  }
  found(state = new Uint8Array(500)): void {
    const { index, term } = this.log.start
    this.reads.shift()!({ index, term, chain: this.log.start.chain, state })
  }
}

describe('a leader that sends snapshots', () => {
  test('reads the checkpoint at log start once, and cuts it into pieces', () => {
    const rig = new Source()
    rig.ask(0)
    rig.ask(0)
    expect(rig.reads).toHaveLength(1)
    rig.found()
    const { totalBytes } = rig.pieces[0]!
    for (let offset = 100; offset < totalBytes; offset += 100) rig.ask(offset)
    expect(rig.reads).toHaveLength(0)
    const bytes = Uint8Array.from(rig.pieces.flatMap(({ data }) => [...data]))
    expect(decodeSnapshot(bytes)?.state).toEqual(new Uint8Array(500))
    expect(rig.pieces[0]!.snapshot).toEqual({ index: 500, term: 3, chain, configuration })
    rig.ask(totalBytes)
    expect(rig.pieces.at(-1)!.data).toHaveLength(0)
  })

  test('stays with what it began, and begins anew when the log does', () => {
    const rig = new Source()
    rig.ask(0)
    rig.found()
    rig.committed = { voters: [2], learners: [] }
    rig.ask(100)
    expect(rig.pieces[1]!.snapshot.configuration).toEqual(configuration)
    rig.log.start = { ...mark, index: 900 }
    rig.ask(200)
    expect(rig.pieces).toHaveLength(2)
    rig.found()
    expect(rig.pieces[2]!.snapshot.index).toBe(900)
  })

  test('gives nothing that cannot be read, is of another log, or came too late', () => {
    const rig = new Source()
    rig.ask(0)
    rig.reads.shift()!(undefined)
    rig.ask(0)
    const other = { high: 1, low: 1 }
    rig.reads.shift()!({ index: 500, term: 3, chain: other, state: new Uint8Array() })
    rig.ask(0)
    rig.log.start = { ...mark, index: 900 }
    rig.reads.shift()!({ index: 500, term: 3, chain, state: new Uint8Array() })
    expect(rig.pieces).toEqual([])
  })

  test('gives nothing before it knows a committed configuration', () => {
    const rig = new Source()
    const known = rig.committed
    rig.committed = { voters: [], learners: [] }
    rig.ask(0)
    rig.found()
    rig.committed = known
    rig.ask(0, 10_000)
    rig.found()
    expect(rig.pieces.map(({ data }) => decodeSnapshot(data)?.configuration)).toEqual([known])
  })

  test.each([1003, 1004])('gives nothing while the node of member %i is not known', (member) => {
    const rig = new Source()
    rig.unknown = [member]
    rig.ask(0)
    rig.found()
    expect(rig.pieces).toEqual([])
    rig.unknown = []
    rig.ask(0)
    rig.found()
    expect(rig.pieces).toHaveLength(1)
  })

  test('lets the bytes go when nobody asked between two looks', () => {
    const rig = new Source()
    rig.ask(0)
    rig.found()
    rig.source.look()
    rig.ask(100)
    expect(rig.reads).toHaveLength(0)
    rig.source.look()
    rig.source.look()
    rig.ask(200)
    expect(rig.reads).toHaveLength(1)
  })

  test('gives nothing while the node sends enough already', () => {
    const rig = new Source()
    rig.admits = false
    rig.ask(0)
    rig.found()
    expect(rig.pieces).toEqual([])
    rig.admits = true
    rig.ask(0)
    expect(rig.pieces).toHaveLength(1)
  })
})

test('a node sends no more of snapshots in a second than its limit, and all peers get some', () => {
  let nowMs = 0
  const pacer = new SnapshotPacer({ monotonicMs: () => nowMs, wallMs: () => 0 })
  const piece = 256 * 1024
  const sentIn = (ms: number): number => {
    let sent = 0
    for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += 1) {
      while (pacer.admits(piece)) sent += piece
    }
    return sent
  }
  const perSecond = limits.snapshotBytesPerSecond
  sentIn(1000)
  for (const seconds of [1, 5]) {
    const sent = sentIn(seconds * 1000)
    expect(Math.abs(sent - seconds * perSecond)).toBeLessThanOrEqual(piece)
  }
  // What was not used in a pause does not pile up.
  nowMs += 60_000
  expect(sentIn(1)).toBeLessThanOrEqual(perSecond + piece)
})

describe('a replica that is sent a snapshot', () => {
  const announced = { index: 500, term: 3, chain, configuration }
  const bytes = snapshotOf(new Uint8Array([9]))
  const intake = (prepared = true) => {
    const nodes = new GroupNodes(() => [])
    return { nodes, intake: new SnapshotIntake(nodes, () => prepared) }
  }

  test('takes it when it is what was announced, and learns where the members live', () => {
    const { nodes, intake: taking } = intake()
    expect(taking.take(announced, [bytes.subarray(0, 50), bytes.subarray(50)])).toBe(true)
    expect(nodes.nodeOf(1003)).toBe('n1003')
    expect(taking.install(announced)).toMatchObject({ mark, configuration })
    expect(() => taking.install(announced)).toThrow('no snapshot at 500')
  })

  test.each([
    ['index', { index: 501 }],
    ['term', { term: 4 }],
    ['chain', { chain: { high: 1, low: 7 } }],
    ['voters', { configuration: { voters: [1, 2, 1004], learners: [1003] } }],
    ['learners', { configuration: { voters: [1, 2, 1003] } }],
    ['halves', { configuration: { ...configuration, outgoing: [1] } }],
  ])('refuses one of another %s than announced', (_field, change) => {
    const { nodes, intake: taking } = intake()
    expect(taking.take({ ...announced, ...change }, [bytes])).toBe(false)
    expect(nodes.nodeOf(1003)).toBeUndefined()
  })

  test('refuses one that its machine cannot be in, and one that is damaged', () => {
    expect(intake(false).intake.take(announced, [bytes])).toBe(false)
    const { intake: taking } = intake()
    expect(taking.take(announced, [bytes.subarray(1)])).toBe(false)
    expect(taking.take(announced, chunksOf(bytes, new Uint8Array(1)).pieces)).toBe(false)
  })
})
