import type { WriteResult } from '@quorate/protocol'
import { QuorateError } from '@quorate/protocol'
import type { RaftMessage } from '@quorate/raft'
import { afterEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import { missingEntry } from '../../src/storage/missing-entry.ts'
import { batchOf, headerOf, LogBuilder } from './log-builder.ts'
import { group, Rig } from './partition-rig.ts'

let rig: Rig
afterEach(() => {
  expect(rig.failures).toEqual([])
})

describe('a leader', () => {
  test('answers a write when it is on disk and committed, not before', () => {
    rig = new Rig().lead()
    const answers = rig.write({ count: 3 })
    rig.pass(50)
    expect(answers).toEqual([])
    rig.settle()
    expect(answers).toEqual([{ ...group, offset: 0, duplicate: false }])
    const [records] = rig.fake.log.entries.filter(({ type }) => type === EntryType.records)
    expect(records).toMatchObject({ baseOffset: 0, nextOffset: 3, term: 1 })
  })

  test('a quorum is enough: the own disk may be the slow one', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    const answers = rig.write()
    rig.ack()
    expect(answers).toEqual([])
    rig.receive(3, {
      type: 'append-reply',
      term: 1,
      success: true,
      match: rig.fake.log.lastIndex,
      hintTerm: 0,
      rejected: 0,
      extent: { index: 2, term: 1 },
      session: 8,
      reached: rig.fake.log.lastIndex,
      recovering: false,
    })
    expect(answers).toMatchObject([{ offset: 0 }])
    expect(rig.fake.waiting).toHaveLength(1)
  })

  test('answers nothing at all before an entry of its own term is committed', () => {
    rig = new Rig().begin()
    rig.pass(1)
    const early = [rig.write(), rig.fetch(0), rig.offsets('latest')]
    expect(rig.describe().role).not.toBe('leader')
    for (const answers of early) expect(JSON.stringify(answers)).toContain('NOT_LEADER')
    rig.fake.sync()
    rig.turn()
    expect(rig.describe().role).toBe('leader')
    const waiting = [rig.write(), rig.fetch(0, 5), rig.offsets('latest')]
    expect(waiting).toEqual([[], [], []])
    rig.settle()
    expect(waiting[0]).toMatchObject([{ offset: 0 }])
    expect(waiting[2]).toEqual([{ offset: 0 }])
    expect(waiting[1]).toHaveLength(1)
  })

  test('all writes of one turn are one run of entries and one request to the disk', () => {
    rig = new Rig().lead()
    const before = rig.fake.persisted.length
    const answers: WriteResult[] = []
    for (let at = 0; at < 10; at++) {
      const respond = (result: WriteResult) => answers.push(result)
      rig.ref.send({ type: 'write', header: headerOf(), batch: batchOf(), respond })
    }
    rig.settle()
    expect(rig.fake.persisted.length - before).toBe(1)
    expect(answers.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('a batch sent again is answered when its original commits, never before', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    const shape = { producerId: 3, epoch: 0, sequence: 0, count: 2 }
    const first = rig.write(shape)
    rig.settle()
    const again = rig.write(shape)
    expect([first, again]).toEqual([[], []])
    expect(rig.fake.log.lastIndex).toBe(2)
    rig.ack()
    expect(first).toEqual([{ ...group, offset: 0, duplicate: false }])
    expect(again).toEqual(first)
    expect(rig.write(shape)).toEqual(first)
  })

  test('when it is deposed, a resend that waited is as unknown as its original', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    const shape = { producerId: 3, epoch: 0, sequence: 0 }
    const answers = [rig.write(shape), rig.write(shape)]
    rig.heartbeat(2)
    for (const each of answers) {
      expect(each).toMatchObject([{ error: 'QUORATE_UNKNOWN_OUTCOME' }])
    }
    expect(rig.write()).toMatchObject([
      { error: 'QUORATE_NOT_LEADER', leader: { node: 'n2', address: 'n2:4222', term: 2 } },
    ])
    expect(rig.hints.at(-1)).toEqual({ ...group, term: 2, node: 'n2' })
  })

  test('a refused batch changes nothing and its neighbours are taken', () => {
    rig = new Rig().lead()
    const wrong = rig.write({ producerId: 3, epoch: 0, sequence: 5 })
    const right = rig.write({ producerId: 3, epoch: 0, sequence: 0 })
    rig.settle()
    expect(wrong).toMatchObject([{ error: 'QUORATE_UNKNOWN_PRODUCER' }])
    expect(right).toMatchObject([{ offset: 0 }])
  })

  test('a full disk or a full queue refuses writes at once, and reads go on', () => {
    rig = new Rig().lead()
    rig.write()
    rig.settle()
    rig.fake.refusing = 'QUORATE_DISK_FULL'
    expect(rig.write()).toMatchObject([{ error: 'QUORATE_DISK_FULL' }])
    expect(rig.fetch(0)[0]!.batches.byteLength).toBeGreaterThan(0)
    rig.fake.refusing = undefined
    rig.write()
    rig.settle()
    expect(rig.describe().endOffset).toBe(2)
  })

  test('every long poll ends at its own time, whichever came last', () => {
    rig = new Rig().lead()
    const short = rig.fetch(0, 200)
    const long = rig.fetch(0, 10_000)
    rig.pass(199)
    expect(short).toEqual([])
    rig.pass(2)
    expect(short).toMatchObject([{ highWatermark: 0 }])
    expect(short[0]!.error).toBeUndefined()
    rig.write()
    rig.settle()
    expect(long[0]!.batches.byteLength).toBe(batchOf().byteLength)
    rig.pass(20_000)
    expect([short.length, long.length]).toEqual([1, 1])
  })

  test('no poll waits longer than the node allows', () => {
    rig = new Rig().lead()
    const answers = rig.fetch(0, 10 * limits.fetchWaitMsMax)
    rig.pass(limits.fetchWaitMsMax + 1)
    expect(answers).toHaveLength(1)
  })

  test('a read from disk that ends after leadership is answered as a refusal with the new leader', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    rig.write()
    rig.settle()
    rig.ack()
    rig.fake.log.coldIndex = 2
    const answers = rig.fetch(0)
    expect(answers).toEqual([])
    rig.heartbeat(2)
    rig.fake.log.coldReads.shift()!()
    rig.turn()
    expect(answers).toMatchObject([{ error: 'QUORATE_NOT_LEADER', leader: { node: 'n2' } }])
  })

  test('a fetch that meets a hole is to be tried again; other damage is told by name', () => {
    rig = new Rig().lead()
    rig.write()
    rig.settle()
    rig.fake.log.readError = new QuorateError('QUORATE_STORAGE_DAMAGED', 'segment')
    expect(rig.fetch(0)).toMatchObject([{ error: 'QUORATE_STORAGE_DAMAGED' }])
    const at = { index: 2, term: 1, chain: { high: 1, low: 1 } }
    rig.fake.log.holeList = [
      {
        firstIndex: 2,
        lastIndex: 2,
        term: 1,
        before: undefined,
        last: at,
        evidence: 'synced',
        where: 'segment',
        file: 'f',
        from: 0,
        to: 1,
      },
    ]
    expect(rig.fetch(0)).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
  })

  test('positions wait for a quorum to confirm the leader', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    rig.write()
    rig.settle()
    rig.ack()
    const answers = rig.offsets('latest')
    expect(answers).toEqual([])
    const beat = rig.sent.findLast(({ message }) => message.type === 'heartbeat')!
    const { read } = beat.message as Extract<RaftMessage<LogEntry>, { type: 'heartbeat' }>
    rig.receive(2, {
      type: 'heartbeat-reply',
      term: 1,
      read,
      extent: { index: 2, term: 1 },
      session: 7,
      recovering: false,
    })
    expect(answers).toEqual([{ offset: 1 }])
  })

  test('while it hands over it takes no writes, and takes them again when nothing came of it', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    rig.ref.send({ type: 'transfer', to: 2 })
    rig.turn()
    expect(rig.sent.at(-1)!.message.type).toBe('timeout-now')
    expect(rig.write()).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    for (let at = 0; at < 10; at++) {
      rig.pass(100)
      rig.ack()
    }
    const answers = rig.write()
    rig.settle()
    rig.ack()
    expect(answers).toMatchObject([{ offset: 0 }])
  })

  test('a hand-over to nobody holds nothing up', () => {
    rig = new Rig().lead()
    rig.ref.send({ type: 'transfer', to: 0 })
    const answers = rig.write()
    rig.settle()
    expect(answers).toMatchObject([{ offset: 0 }])
  })
})

describe('start, failure and end', () => {
  test('what arrives before the log is read back waits for it, but for Raft messages', () => {
    rig = new Rig([1, 2, 3])
    rig.turn()
    expect(rig.describe().role).toBe('recovering')
    const answers = rig.fetch(0)
    rig.heartbeat(1)
    expect(answers).toEqual([])
    rig.fake.recoveries.shift()!()
    rig.turn()
    expect(answers).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    expect(rig.describe().term).toBe(0)
    expect(rig.settled).toBe(1)
  })

  test('a replica with a hole runs, and says so', () => {
    rig = new Rig([1, 2, 3])
    const builder = new LogBuilder()
    for (let at = 0; at < 5; at++) builder.records()
    const third = builder.entries[2]!
    const loss = { evidence: 'synced', fileNumber: 1, from: 0, to: 64 } as const
    const hole = missingEntry(3, third.term, loss, third.chain)
    rig.fake.hardState = { term: 1, votedFor: 0 }
    rig.fake.log.append({ entries: builder.entries.with(2, hole) })
    rig.fake.log.cleanThrough = 2
    rig.begin()
    expect(rig.describe()).toMatchObject({ condition: 'repairing', lastIndex: 5 })
  })

  test('a replica waits for a voter that is away, and passes over one that is gone for good', () => {
    rig = new Rig([1, 2, 3])
    const builder = new LogBuilder()
    for (let at = 0; at < 3; at++) builder.records()
    const last = builder.entries[2]!
    const loss = { evidence: 'begun', fileNumber: 1, from: 0, to: 64 } as const
    const hole = missingEntry(3, last.term, loss, last.chain)
    rig.fake.hardState = { term: 1, votedFor: 0 }
    rig.fake.log.append({ entries: builder.entries.with(2, hole) })
    rig.fake.log.cleanThrough = 2
    const place = { where: 'wal', file: 'wal/1', from: 0, to: 64, before: undefined } as const
    const range = { firstIndex: 3, lastIndex: 3, term: last.term, last, evidence: 'begun' } as const
    rig.fake.log.holeList = [{ ...range, ...place }]
    rig.begin()
    const lacks = { type: 'hole-reply', index: 3, entryTerm: last.term, holding: 'lack' } as const
    // Replica 3 says nothing, at each time-out.
    for (let round = 0; round < 6; round++) {
      rig.pass(1000)
      rig.receive(2, { ...lacks, pre: true, term: 2 })
    }
    expect(rig.describe()).toMatchObject({ waitsFor: ['n3'], term: 1, lastIndex: 3 })
    expect(rig.events).toContain('replica.waits-for')
    expect(rig.events).not.toContain('replica.passes-over')
    rig.gone.add(3)
    rig.ref.send({ type: 'members' })
    rig.settle()
    expect(rig.events).toContain('replica.passes-over')
    rig.receive(2, { ...lacks, pre: false, term: 2 })
    rig.settle()
    expect(rig.events.filter((name) => name === 'replica.tail-dropped')).toHaveLength(1)
    expect(rig.describe()).toMatchObject({ term: 2, lastIndex: 2 })
  })

  test('a replica that cannot be read back halts, says why, and refuses', () => {
    rig = new Rig()
    rig.turn()
    const early = rig.write()
    rig.fake.recoverError = new Error('no such replica')
    rig.fake.recoveries.shift()!()
    rig.turn()
    expect(early).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    expect(rig.describe()).toMatchObject({ role: 'halted', halted: 'no such replica' })
    expect(rig.settled).toBe(1)
    let checkpointed = false
    const respond = () => {
      checkpointed = true
    }
    rig.ref.send({ type: 'checkpoint', respond })
    rig.turn()
    expect(checkpointed).toBe(true)
  })

  test('an entry that contradicts the machine halts the replica where it is', () => {
    rig = new Rig([1, 2, 3]).begin()
    const builder = new LogBuilder()
    builder.records()
    builder.records({}, 17)
    builder.records()
    const previous = { index: 0, term: 0, chain: { high: 0, low: 0 } }
    rig.receive(2, { type: 'append', term: 1, previous, entries: builder.entries, commit: 3 })
    expect(rig.describe()).toMatchObject({
      role: 'halted',
      halted: expect.stringContaining('base offset 17'),
      appliedIndex: 1,
      endOffset: 1,
    })
    // The state it has is not to be taken for the state at a later index.
    const done: boolean[] = []
    rig.ref.send({ type: 'checkpoint', respond: () => done.push(true) })
    rig.settle()
    expect(rig.fake.saves.map(({ checkpoint }) => checkpoint.index)).toEqual([1])
    rig.fake.saved()
    rig.turn()
    expect(done).toEqual([true])
  })

  test('a failure answers everybody, and the next life starts from the log', () => {
    rig = new Rig().lead()
    rig.write()
    rig.settle()
    const open = [rig.write(), rig.write()]
    const poll = rig.fetch(1, 20_000)
    rig.ref.send({
      type: 'continue',
      run: () => {
        throw new Error('a defect')
      },
    })
    rig.turn()
    expect(rig.failures.splice(0)).toHaveLength(1)
    for (const each of open) expect(each).toMatchObject([{ error: 'QUORATE_UNKNOWN_OUTCOME' }])
    expect(poll).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    // Nothing of the life before may reach the next one.
    rig.fake.sync()
    rig.pass(200)
    expect(rig.fake.recoveries).toHaveLength(1)
    rig.lead()
    expect(rig.describe()).toMatchObject({ role: 'leader', term: 2, endOffset: 3 })
    expect(rig.fetch(0)[0]!.highWatermark).toBe(3)
  })

  test('a checkpoint file that ends after a restart is not taken for one of the new life', () => {
    rig = new Rig([1], { segmentBytes: 16_384 }).lead()
    for (let at = 0; at < 3; at++) rig.write({ valueBytes: 8000 })
    rig.settle()
    expect(rig.fake.saves).toHaveLength(1)
    rig.ref.send({
      type: 'continue',
      run: () => {
        throw new Error('a defect')
      },
    })
    rig.pass(200)
    rig.failures.length = 0
    rig.lead()
    rig.fake.saved()
    rig.turn()
    const done: boolean[] = []
    rig.ref.send({ type: 'checkpoint', respond: () => done.push(true) })
    rig.turn()
    expect(done).toEqual([])
    while (rig.fake.saves.length > 0) {
      rig.fake.saved()
      rig.settle()
    }
    expect(done).toEqual([true])
  })

  test('an entry that fails again and again halts the replica instead of a loop', () => {
    rig = new Rig().lead()
    const { log } = rig.fake
    log.roll = () => {
      throw new Error('cannot roll')
    }
    for (let at = 0; at < 80 && rig.failures.length === 0; at++) {
      rig.write({ valueBytes: 900_000 })
      rig.settle()
    }
    for (let at = 0; at < 5; at++) {
      rig.pass(5000)
      rig.fake.recoveries.shift()?.()
      rig.pass(1)
      rig.settle()
    }
    expect(rig.describe().halted).toMatch(/^entry \d+ failed 3 times$/)
    expect(rig.failures.splice(0)).toHaveLength(3)
    rig.pass(60_000)
    expect(rig.failures).toEqual([])
  })

  test('retired, it answers whoever waits or wrote before, and ends', () => {
    rig = new Rig([1, 2, 3]).leadThree()
    const written = rig.write()
    const poll = rig.fetch(0, 20_000)
    rig.fake.log.coldIndex = 1
    let retired = false
    const last: WriteResult[] = []
    const respond = (result: WriteResult) => last.push(result)
    rig.ref.send({ type: 'write', header: headerOf(), batch: batchOf(), respond })
    rig.ref.reply({
      type: 'retire',
      respond: () => {
        retired = true
      },
    })
    rig.turn()
    expect(retired).toBe(true)
    expect(written).toMatchObject([{ error: 'QUORATE_UNKNOWN_OUTCOME' }])
    expect(last).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    expect(poll).toHaveLength(1)
    expect(rig.ref.send({ type: 'tick' })).toBe(false)
    expect(rig.system.statistics.actors).toBe(0)
  })

  test('a read that ends after the actor is gone is answered too', () => {
    rig = new Rig().lead()
    rig.write()
    rig.settle()
    rig.fake.log.coldIndex = 2
    const fetched = rig.fetch(0)
    const found = rig.offsets({ timeMs: 0 })
    rig.ref.reply({ type: 'retire', respond: () => {} })
    rig.turn()
    for (const read of rig.fake.log.coldReads.splice(0)) read()
    expect(fetched).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
    expect(found).toHaveLength(1)
  })
})

describe('files', () => {
  test('segments end and checkpoints are taken where the machine says, on a follower too', () => {
    rig = new Rig([1, 2, 3], { segmentBytes: 16_384 }).begin()
    const builder = new LogBuilder()
    for (let at = 0; at < 5; at++) builder.records({ valueBytes: 8000 })
    const previous = { index: 0, term: 0, chain: { high: 0, low: 0 } }
    rig.receive(2, { type: 'append', term: 1, previous, entries: builder.entries, commit: 5 })
    expect(rig.fake.log.rolls).toEqual([3])
    // Not on this disk yet.
    expect(rig.fake.saves).toEqual([])
    rig.settle()
    expect(rig.fake.saves.map(({ checkpoint }) => checkpoint.index)).toEqual([3])
    builder.logStart({ index: 3, offset: 3, chain: builder.entries[2]!.chain })
    const last = builder.entries.slice(5)
    const point = rig.fake.log.pointAt(5)!
    rig.receive(2, { type: 'append', term: 1, previous: point, entries: last, commit: 6 })
    expect(rig.fake.log.drops).toEqual([3])
    rig.fake.saved()
    rig.turn()
    expect(rig.fake.log.drops).toEqual([3, 3])
    expect(rig.fetch(0)).toMatchObject([{ error: 'QUORATE_NOT_LEADER' }])
  })

  describe('retention of a leader', () => {
    /** Replica 2 keeps up; 3 answers and has nothing, or is silent. */
    const leadFull = (isThere: boolean): void => {
      rig = new Rig([1, 2, 3], { segmentBytes: 16_384, retentionBytes: 65_536 }).leadThree()
      for (let at = 0; at < 14; at++) {
        rig.write({ valueBytes: 8000 })
        rig.settle()
        rig.ack()
        while (rig.fake.saves.length > 0) rig.fake.saved()
        rig.turn()
      }
      wait(limits.maintainIntervalMs + 1000, isThere)
    }
    const wait = (forMs: number, isThere: boolean): void => {
      const reply = { term: 1, read: 0, session: 9, recovering: false } as const
      const extent = { index: 0, term: 0 }
      for (let at = 0; at < forMs; at += 100) {
        rig.pass(100)
        rig.settle()
        rig.ack()
        if (isThere) rig.receive(3, { type: 'heartbeat-reply', ...reply, extent })
      }
    }
    const hasMoved = () => rig.fake.log.entries.some(({ type }) => type === EntryType.logStart)

    test('does not wait for a replica that is away', () => {
      leadFull(false)
      expect(rig.held).toEqual([])
      expect(hasMoved()).toBe(true)
    })

    test('waits for one that is catching up, says so, and not for ever', () => {
      leadFull(true)
      expect(rig.held).toEqual(['held-back-by-replica: n3'])
      expect(hasMoved()).toBe(false)
      wait(limits.catchUpHoldMs - 10_000, true)
      expect(hasMoved()).toBe(false)
      wait(20_000, true)
      expect(hasMoved()).toBe(true)
    })

    test('holds nothing any more when another one leads', () => {
      leadFull(true)
      rig.heartbeat(2)
      expect(rig.held).toEqual(['held-back-by-replica: n3', undefined])
    })
  })
})
