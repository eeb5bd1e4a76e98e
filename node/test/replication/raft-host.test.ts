import { keyedRandom, noProbe } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { Configuration, LogPoint, RaftMessage } from '@quorate/raft'
import { describe, expect, test } from 'vitest'
import { EntryRun } from '../../src/replication/entry-run.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/replication/group-snapshot.ts'
import { RaftHost } from '../../src/replication/raft-host.ts'
import {
  type HostCompletion,
  type RaftHostOwner,
  replicaSession,
} from '../../src/replication/raft-owner.ts'
import { logBegin } from '../../src/storage/chain.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import { missingEntry } from '../../src/storage/missing-entry.ts'
import { LogBuilder } from '../partition/log-builder.ts'
import { type FakeGroup, FakeStorage } from './fake-storage.ts'
import { nodesOf } from './places.ts'

const group = { topicId: 9, partition: 2 }
const alone: FakeGroup = { replicaId: 1, configuration: { voters: [1] } }
const three: FakeGroup = { replicaId: 1, configuration: { voters: [1, 2, 3] } }
const hardState = { term: 1, votedFor: 0 }
const timing = { heartbeatMs: 100, electionTimeoutMinMs: 600, electionTimeoutMaxMs: 900 }

/** A host with everything around it made of lists; time and disk move when the test says so. */
class Rig implements RaftHostOwner {
  readonly fake: FakeStorage
  readonly host: RaftHost
  readonly nodes = nodesOf(1, 2, 3)
  readonly sent: { readonly to: string; readonly message: RaftMessage<LogEntry> }[] = []
  readonly applied: number[] = []
  readonly roles: string[] = []
  readonly reads: string[] = []
  readonly halts: string[] = []
  readonly damaged: string[] = []
  readonly prepared: number[] = []
  readonly configurations: string[] = []
  readonly wakes: number[] = []
  /** What happened, in order. */
  readonly steps: string[] = []
  completions: HostCompletion[] = []
  inApply: (() => void) | undefined
  nowMs = 1000
  wallMs = 1_700_000_000_000

  constructor(of: FakeGroup, prepare: (fake: FakeStorage) => void = () => {}) {
    this.fake = new FakeStorage(group, of)
    prepare(this.fake)
    const random = keyedRandom('raft-host')
    this.host = new RaftHost(
      {
        recovered: this.fake.recovered,
        nodes: this.nodes,
        admitsSnapshot: () => true,
        session: 77,
        storage: this.fake.storage,
        probe: noProbe,
        clock: { monotonicMs: () => this.nowMs, wallMs: () => this.wallMs },
        draw: (purpose, bound) => random.integer(purpose, bound),
        timing,
        send: (to, _group, _from, _to, message) => {
          this.steps.push(`send ${message.type}`)
          this.sent.push({ to, message })
        },
      },
      this,
    )
    this.host.start()
  }

  apply(entries: readonly LogEntry[]): void {
    for (const { index } of entries) this.applied.push(index)
    this.steps.push(`apply ${entries[0]!.index}..${entries.at(-1)!.index}`)
    this.inApply?.()
  }
  roleChanged(role: string, term: number, leader: number): void {
    this.roles.push(`${role} ${term} ${leader}`)
  }
  readReady(readId: number, index: number): void {
    this.reads.push(`${readId} at ${index}`)
  }
  readRefused(readId: number): void {
    this.reads.push(`${readId} refused`)
  }
  halted(reason: string): void {
    this.halts.push(reason)
  }
  prepare(state: Uint8Array, at: LogPoint): boolean {
    this.prepared.push(at.index)
    return state[0] !== 0
  }
  installed(index: number): void {
    this.steps.push(`installed ${index}`)
  }
  configurationChanged(configuration: Configuration, committed: boolean): void {
    this.configurations.push(`${JSON.stringify(configuration)} ${committed}`)
  }
  proposed(entry: LogEntry): void {
    this.steps.push(`proposed ${entry.index}`)
  }
  completeLater(completion: HostCompletion): void {
    this.completions.push(completion)
  }
  wakeAt(monotonicMs: number): void {
    this.wakes.push(monotonicMs)
  }
  event(name: string): void {
    this.steps.push(name)
  }
  damagedMessage(from: number, reason: string): void {
    this.damaged.push(`${from}: ${reason}`)
  }

  /** Everything is on disk, and the host hears of it. */
  settle(): void {
    while (this.fake.waiting.length > 0 || this.completions.length > 0) {
      this.fake.sync()
      const completions = this.completions
      this.completions = []
      for (const completion of completions) this.host.complete(completion)
    }
  }

  receive(from: number, message: RaftMessage<LogEntry>): void {
    this.host.receive(from, `n${from}`, message)
  }

  /** As follower of replica 2 in a term. */
  append(term: number, entries: readonly LogEntry[], commit: number): void {
    const first = entries[0]
    const before = first === undefined ? this.host.log.lastIndex : first.index - 1
    const previous = this.host.log.pointAt(before)!
    this.receive(2, { type: 'append', term, previous, entries, commit })
  }

  lead(): void {
    this.nowMs += 1000
    this.host.tick()
    this.settle()
  }
}

function built(count: number, term = 1): LogBuilder {
  const builder = new LogBuilder()
  builder.term = term
  for (let at = 0; at < count; at++) builder.records()
  return builder
}

/** A log that is on disk, of which the last `warm` entries are in memory too. */
function onDisk(builder: LogBuilder, warm: number): (fake: FakeStorage) => void {
  return (fake) => {
    fake.log.entries = [...builder.entries]
    fake.log.durableIndex = builder.entries.length
    fake.log.coldIndex = builder.entries.length - warm
    fake.hardState = { term: builder.term, votedFor: 0 }
  }
}

describe('a host that leads', () => {
  test('proposes an entry of its term in the turn of its election, and serves once it is applied', () => {
    const rig = new Rig(alone)
    rig.lead()
    expect(rig.roles.at(-1)).toBe('leader 1 1')
    expect(rig.fake.log.entries.map(({ type, term }) => [type, term])).toEqual([
      [EntryType.termStart, 1],
    ])
    expect(rig.applied).toEqual([1])
    expect(rig.host.commit).toBe(1)
  })

  test('applies nothing before its own disk has it, when it is alone', () => {
    const rig = new Rig(alone)
    rig.nowMs += 1000
    rig.host.tick()
    rig.fake.sync(1)
    for (const completion of rig.completions.splice(0)) rig.host.complete(completion)
    expect(rig.fake.waiting).toHaveLength(1)
    expect(rig.host.role).toBe('leader')
    expect(rig.applied).toEqual([])
    rig.settle()
    expect(rig.applied).toEqual([1])
  })

  test('stamps log time that never goes back, whatever its wall clock does', () => {
    const rig = new Rig(alone)
    rig.lead()
    rig.wallMs += 5000
    rig.host.propose(runOf(rig))
    rig.wallMs -= 60_000
    rig.host.propose(runOf(rig))
    const times = rig.fake.log.entries.map(({ appendTimeMs }) => appendTimeMs)
    expect(times[2]).toBe(times[1])
    expect(times[1]! - times[0]!).toBe(5000)
  })

  test('refuses to be stepped from inside of its own callbacks', () => {
    const rig = new Rig(alone)
    rig.lead()
    rig.inApply = () => rig.host.propose(runOf(rig))
    rig.host.propose(runOf(rig))
    rig.fake.sync()
    expect(() => rig.host.complete(rig.completions[0]!)).toThrow('a step inside of a step')
    // The one who threw is restarted; the guard itself is not left closed.
    rig.inApply = undefined
    rig.host.step({ type: 'read', readId: 1 })
    expect(rig.reads).toHaveLength(1)
  })

  test('reads entries for a follower from disk, and sends nothing when that fails', () => {
    const builder = built(4)
    const rig = new Rig(three, onDisk(builder, 1))
    rig.fake.log.coldReads.shift()!()
    rig.settle()
    rig.nowMs += 1000
    rig.host.tick()
    rig.receive(2, { type: 'vote-reply', pre: true, term: 2, granted: true, session: 5 })
    rig.settle()
    rig.receive(2, { type: 'vote-reply', pre: false, term: 2, granted: true, session: 5 })
    expect(rig.host.role).toBe('leader')
    rig.settle()
    const refused = {
      type: 'append-reply',
      term: 2,
      success: false,
      match: 0,
      hintTerm: 0,
      rejected: 4,
      extent: { index: 0, term: 0 },
      session: 5,
      reached: 0,
      recovering: false,
    } as const
    rig.receive(2, refused)
    expect(rig.fake.log.coldReads).toHaveLength(1)
    rig.fake.log.readError = new QuorateError('QUORATE_STORAGE_DAMAGED')
    rig.fake.log.coldReads.shift()!()
    expect(rig.completions).toEqual([])
    rig.fake.log.readError = undefined
    rig.nowMs += 1000
    rig.receive(2, {
      type: 'heartbeat-reply',
      term: 2,
      read: 0,
      extent: { index: 0, term: 0 },
      session: 5,
      recovering: false,
    })
    rig.sent.length = 0
    rig.fake.log.coldReads.shift()!()
    rig.settle()
    const appends = rig.sent.flatMap(({ message }) =>
      message.type === 'append' ? [message.entries.map(({ index }) => index)] : [],
    )
    expect(appends[0]).toEqual([1, 2, 3])
  })
})

describe('a host that follows', () => {
  test('asks for the disk before it sends, and acknowledges only what is on it', () => {
    const rig = new Rig(three)
    rig.append(1, built(2).entries, 2)
    expect(rig.sent).toEqual([])
    // Committed by a quorum elsewhere: applying does not wait for the own disk.
    expect(rig.applied).toEqual([1, 2])
    rig.settle()
    expect(rig.sent).toMatchObject([
      { to: 'n2', message: { success: true, match: 2, session: 77 } },
    ])
  })

  test('drops an append that is not what its sender wrote', () => {
    const rig = new Rig(three)
    const [first, second] = built(2).entries
    rig.append(1, [first!], 0)
    rig.append(1, [{ ...second!, appendTimeMs: second!.appendTimeMs + 1 }], 0)
    expect(rig.damaged).toEqual(['2: chain at index 2'])
    const { pieces, byteLength } = second!.payload
    const bent = pieces.map((piece) => piece.slice())
    bent.at(-1)![bent.at(-1)!.byteLength - 1]! ^= 1
    rig.append(1, [{ ...second!, payload: { pieces: bent, byteLength } }], 0)
    expect(rig.damaged.at(-1)).toBe('2: batch CRC at index 2')
    expect(rig.host.log.lastIndex).toBe(1)
    rig.append(1, [second!], 2)
    expect(rig.applied).toEqual([1, 2])
  })

  test('applies in order across reads that come later, each entry once', () => {
    const builder = built(6)
    const rig = new Rig(three, onDisk(builder, 2))
    expect(rig.applied).toEqual([])
    expect(rig.fake.log.coldReads).toHaveLength(1)
    // More is committed while the first read is on its way.
    rig.append(1, [], 6)
    rig.fake.log.coldReads.shift()!()
    rig.settle()
    expect(rig.applied).toEqual([1, 2, 3, 4, 5, 6])
    expect(rig.fake.log.committed).toBe(6)
  })

  test('begins after its checkpoint, and without one at the start of the log', () => {
    const builder = built(6)
    const withCheckpoint = new Rig(three, (fake) => {
      onDisk(builder, 6)(fake)
      const { index, term, chain } = builder.entries[3]!
      fake.checkpoint = { index, term, chain, state: new Uint8Array() }
    })
    withCheckpoint.append(1, [], 6)
    expect(withCheckpoint.applied).toEqual([5, 6])
  })

  test('a log whose front is gone needs a checkpoint', () => {
    const prepare = (fake: FakeStorage) => {
      const builder = built(4)
      onDisk(builder, 4)(fake)
      fake.log.start = fake.log.mark(2)
      fake.log.entries.splice(0, 2)
    }
    expect(() => new Rig(three, prepare)).toThrow(/no readable checkpoint/)
  })

  test('a failed write halts it, once and for good', () => {
    const rig = new Rig(three)
    rig.append(1, built(1).entries, 0)
    rig.fake.fail(new Error('EIO'))
    for (const completion of rig.completions.splice(0)) rig.host.complete(completion)
    expect(rig.halts).toEqual(['EIO'])
    rig.append(1, built(2).entries.slice(1), 1)
    rig.nowMs += 5000
    rig.host.tick()
    expect(rig.applied).toEqual([])
    expect(rig.sent).toEqual([])
    expect(rig.halts).toHaveLength(1)
  })

  test('a committed entry that cannot be read halts it: nothing is skipped', () => {
    const rig = new Rig(three, onDisk(built(4), 1))
    rig.fake.log.readError = new QuorateError('QUORATE_STORAGE_DAMAGED', 'here')
    rig.fake.log.coldReads.shift()!()
    rig.settle()
    expect(rig.halts[0]).toContain('here')
    expect(rig.applied).toEqual([])
  })

  test('two logs that differ at one index and term are never overwritten', () => {
    const rig = new Rig(three)
    rig.append(1, built(2).entries, 0)
    const other = new LogBuilder()
    other.timeMs += 7
    other.records()
    other.records()
    const previous = { index: 0, term: 0, chain: { high: 0, low: 0 } }
    rig.receive(2, { type: 'append', term: 1, previous, entries: other.entries, commit: 0 })
    expect(rig.halts[0]).toContain('differ')
  })

  test('a lost connection matters only when it led to the leader', () => {
    const rig = new Rig(three)
    rig.append(1, [], 0)
    const before = rig.wakes.length
    rig.host.connectionLost('n3')
    expect(rig.wakes).toHaveLength(before)
    rig.host.connectionLost('n2')
    expect(rig.wakes.at(-1)! - rig.nowMs).toBeLessThanOrEqual(100)
  })

  test('moves its timer only to an earlier time', () => {
    const rig = new Rig(three)
    expect(rig.wakes).toHaveLength(1)
    for (let at = 0; at < 5; at++) {
      rig.nowMs += 100
      rig.append(1, [], 0)
    }
    expect(rig.wakes).toHaveLength(1)
    rig.nowMs = rig.wakes[0]!
    rig.host.tick()
    expect(rig.wakes).toHaveLength(2)
  })
})

describe('memory', () => {
  test('the core lets go of what storage has evicted', () => {
    const rig = new Rig(three)
    const builder = built(100)
    rig.append(1, builder.entries, 100)
    expect(rig.host.inspect().firstIndex).toBe(1)
    rig.settle()
    rig.fake.log.coldIndex = 90
    rig.host.releaseEvicted()
    expect(rig.host.inspect().firstIndex).toBe(91)
  })

  test('the core keeps no more than some hundred applied entries', () => {
    const rig = new Rig(three)
    const builder = built(2000)
    for (let at = 0; at < 2000; at += 100) {
      rig.append(1, builder.entries.slice(at, at + 100), at + 100)
      rig.settle()
    }
    const { firstIndex, lastIndex } = rig.host.inspect()
    expect(lastIndex).toBe(2000)
    expect(lastIndex - firstIndex).toBeLessThan(600)
  })
})

describe('a configuration of the group', () => {
  test('is proposed by the leader, and whoever it names is sent to', () => {
    const rig = new Rig(alone)
    rig.lead()
    const widened = { voters: [1], learners: [4] }
    expect(() => rig.host.proposeConfiguration(widened)).toThrow('replica 4 is not known')
    rig.nodes.learn(4, 'n4')
    expect(rig.host.proposeConfiguration(widened)).toBe(true)
    expect(rig.steps).toContain('proposed 2')
    expect(rig.fake.log.entryAt(2)!.configuration).toEqual(widened)
    expect(rig.host.proposeConfiguration({ voters: [1] })).toBe(false)
    rig.settle()
    expect(rig.configurations).toEqual([
      `${JSON.stringify(widened)} false`,
      `${JSON.stringify(widened)} true`,
    ])
    expect(rig.sent.map(({ to }) => to)).toContain('n4')
  })

  test('that is joint is left in the turn in which it is committed', () => {
    const rig = new Rig(alone)
    rig.lead()
    rig.nodes.learn(4, 'n4')
    rig.host.proposeConfiguration({ voters: [1], learners: [4] })
    rig.settle()
    rig.host.proposeConfiguration({ voters: [1, 4], outgoing: [1] })
    rig.settle()
    const extent = { index: 3, term: 1 }
    const { term } = rig.host
    rig.receive(4, {
      type: 'append-reply',
      term,
      success: true,
      match: 3,
      reached: 3,
      recovering: false,
      hintTerm: 0,
      rejected: 0,
      extent,
      session: 5,
    })
    expect(rig.steps).toContain('proposed 4')
    expect(rig.fake.log.entryAt(4)!.configuration).toEqual({ voters: [1, 4] })
  })

  test('that a leader sends says where its members live', () => {
    const rig = new Rig(three)
    const run = new EntryRun(rig.fake.log.start, 1, 1000)
    const entry = run.addConfiguration({ voters: [1, 2, 3], learners: [9] }, (id) => `n${id}`)
    rig.append(1, [entry], 0)
    expect(rig.nodes.nodeOf(9)).toBe('n9')
  })

  test('in the log of before says where its members live', () => {
    const run = new EntryRun(logBegin, 1, 1000)
    run.addConfiguration({ voters: [1, 2, 3], learners: [9] }, (id) => `n${id}`)
    const rig = new Rig({ ...three, hardState }, (fake) => {
      fake.log.append({ entries: run.entries })
    })
    expect(rig.nodes.nodeOf(9)).toBe('n9')
  })
})

describe('a snapshot', () => {
  const builder = built(40)
  const last = builder.entries[29]!
  const mark = { ...pointOf(last), endOffset: 30, appendTimeMs: 5 }
  const configuration = { voters: [1, 2, 3] }
  const point = { ...pointOf(last), configuration }
  const bytes = (state: number[]) =>
    encodeSnapshot({ mark, configuration, state: new Uint8Array(state) }, (id) => `n${id}`)
  const chunk = (data: Uint8Array, offset = 0, totalBytes = data.byteLength) =>
    ({ type: 'snapshot', term: 1, snapshot: point, offset, totalBytes, data }) as const

  test('resets log and machine before its completion, and entries go on behind it', () => {
    const rig = new Rig(three)
    rig.append(1, builder.entries.slice(0, 5), 2)
    rig.settle()
    const whole = bytes([7])
    rig.receive(2, chunk(whole.subarray(0, 100), 0, whole.byteLength))
    expect(rig.steps).not.toContain('installed 30')
    rig.receive(2, chunk(whole.subarray(100), 100, whole.byteLength))
    expect(rig.fake.persisted.at(-1)!.snapshot).toMatchObject({ mark, configuration })
    expect(rig.steps.at(-1)).toBe('installed 30')
    expect(rig.host).toMatchObject({ applied: 30, commit: 30 })
    rig.settle()
    expect(rig.sent.at(-1)!.message).toMatchObject({ type: 'append-reply', match: 30 })
    rig.append(1, builder.entries.slice(30, 40), 40)
    rig.settle()
    expect(rig.applied).toEqual([1, 2, ...Array.from({ length: 10 }, (_, at) => 31 + at)])
  })

  test('makes a read that was under way worthless', () => {
    const rig = new Rig({ ...three, hardState }, (fake) => {
      fake.log.append({ entries: builder.entries.slice(0, 5) })
      fake.log.durableIndex = 5
      fake.log.coldIndex = 5
    })
    const reads = rig.fake.log.coldReads.splice(0)
    expect(reads).toHaveLength(1)
    const answered = rig.completions.length
    reads[0]!()
    expect(rig.completions.length).toBe(answered + 1)
    rig.receive(2, chunk(bytes([7])))
    rig.settle()
    expect(rig.applied).toEqual([])
    expect(rig.host.applied).toBe(30)
    expect(rig.halts).toEqual([])
  })

  test.each([
    ['that is damaged', bytes([7]).map((byte, at) => (at === 90 ? byte ^ 1 : byte))],
    ['whose state is none', bytes([0])],
  ])('%s changes nothing', (_what, data) => {
    const rig = new Rig(three)
    rig.receive(2, chunk(data))
    expect(rig.damaged).toEqual(['2: snapshot at 30'])
    expect(rig.fake.persisted.some(({ snapshot }) => snapshot !== undefined)).toBe(false)
    expect(rig.host.applied).toBe(0)
  })

  test('goes to whoever needs what lies below log start', () => {
    const rig = new Rig({ ...alone, hardState }, (fake) => {
      fake.log.start = mark
      fake.log.durableIndex = 30
      fake.checkpoint = { ...pointOf(last), state: new Uint8Array([7]) }
    })
    rig.lead()
    rig.nodes.learn(4, 'n4')
    rig.host.proposeConfiguration({ voters: [1], learners: [4] })
    rig.settle()
    const extent = { index: 0, term: 0 }
    for (let probe = rig.sent.at(-1)!.message; probe.type === 'append'; ) {
      const rejected = probe.previous.index
      const place = { match: 0, reached: 0, hintTerm: 0, rejected, extent }
      const refusal = { ...place, success: false, recovering: false, session: 5 }
      rig.receive(4, { type: 'append-reply', term: rig.host.term, ...refusal })
      rig.settle()
      if (rig.sent.at(-1)!.message === probe) break
      probe = rig.sent.at(-1)!.message
    }
    const sent = rig.sent.at(-1)!
    expect(sent.to).toBe('n4')
    expect(sent.message).toMatchObject({ type: 'snapshot', snapshot: { index: 30 }, offset: 0 })
    if (sent.message.type !== 'snapshot') throw new Error('no snapshot')
    const state = decodeSnapshot(sent.message.data)!
    expect(state).toMatchObject({ mark, configuration: { voters: [1], learners: [4] } })
  })
})

describe('a hole', () => {
  const builder = built(5)
  const loss = { evidence: 'synced', fileNumber: 1, from: 0, to: 64 } as const
  const third = builder.entries[2]!
  const missing = missingEntry(3, third.term, loss, third.chain)
  const damaged = (): Rig =>
    new Rig({ ...three, hardState }, (fake) => {
      fake.log.append({ entries: builder.entries.with(2, missing) })
      fake.log.durableIndex = 5
      fake.log.cleanThrough = 2
    })
  const mend = (rig: Rig): void => {
    rig.fake.log.entries[2] = third
    rig.fake.log.cleanThrough = Number.POSITIVE_INFINITY
    rig.host.repaired([third])
  }

  test('is not applied over, and what lies behind follows its repair', () => {
    const rig = damaged()
    expect(rig.host.inspect()).toMatchObject({ condition: 'repairing', cleanThrough: 2 })
    rig.append(1, [], 5)
    expect(rig.host.commit).toBe(5)
    expect(rig.applied).toEqual([1, 2])
    expect(rig.halts).toEqual([])
    mend(rig)
    expect(rig.applied).toEqual([1, 2, 3, 4, 5])
    expect(rig.host.inspect()).toMatchObject({ condition: 'clean' })
  })

  test('found by a read while it runs halts nobody', () => {
    const rig = new Rig({ ...three, hardState }, (fake) => {
      fake.log.append({ entries: builder.entries })
      fake.log.durableIndex = 5
      fake.log.coldIndex = 5
    })
    const { log } = rig.fake
    log.readError = new QuorateError('QUORATE_STORAGE_DAMAGED', 'segment')
    log.cleanThrough = 2
    log.coldReads.shift()!()
    rig.host.holesChanged()
    rig.settle()
    // What lies before it is asked for again, and read.
    log.readError = undefined
    for (const read of log.coldReads.splice(0)) read()
    rig.settle()
    expect(rig.halts).toEqual([])
    expect(rig.applied).toEqual([1, 2])
    log.cleanThrough = Number.POSITIVE_INFINITY
    rig.host.holesChanged()
    for (const read of log.coldReads.splice(0)) read()
    rig.settle()
    expect(rig.applied).toEqual([1, 2, 3, 4, 5])
  })

  test('nobody knows of makes a read that fails the end of the replica', () => {
    const rig = new Rig({ ...three, hardState }, (fake) => {
      fake.log.append({ entries: builder.entries })
      fake.log.durableIndex = 5
      fake.log.coldIndex = 5
    })
    rig.fake.log.readError = new QuorateError('QUORATE_STORAGE_DAMAGED', 'segment')
    rig.fake.log.coldReads.shift()!()
    rig.settle()
    expect(rig.halts[0]).toContain('segment')
  })

  test('in a tail that is unknown is fenced, and that is made durable', () => {
    const rig = new Rig({ ...three, hardState, condition: 'unknown-tail' }, (fake) => {
      fake.log.append({ entries: builder.entries })
      fake.log.durableIndex = 5
    })
    expect(rig.host.inspect()).toMatchObject({ condition: 'unknown-tail' })
    rig.append(1, [], 5)
    rig.settle()
    rig.receive(2, { type: 'fence-passed', term: 1, session: 77 })
    expect(rig.fake.tails).toEqual(['known'])
    expect(rig.steps).toContain('replica.tail-known')
  })

  test('that swallowed what was acked makes the tail unknown, and that is made durable', () => {
    const rig = new Rig(three)
    rig.append(1, builder.entries, 0)
    rig.settle()
    rig.receive(2, { type: 'quarantine', term: 1, session: 77, index: 9 })
    expect(rig.fake.tails).toHaveLength(1)
    expect(rig.host.inspect()).toMatchObject({ condition: 'unknown-tail' })
    expect(rig.steps).toContain('replica.tail-unknown')
  })
})

function pointOf({ index, term, chain }: LogEntry): LogPoint {
  return { index, term, chain }
}

test('a replica goes by another number after each restart of its actor, and always fits 32 bits', () => {
  for (const boot of [1, 77, 0xffff_fffe, 0xffff_ffff]) {
    const sessions = [1, 2, 3, 4].map((incarnation) => replicaSession(boot, incarnation))
    expect(new Set(sessions).size).toBe(4)
    for (const session of sessions) {
      expect(session).toBeGreaterThan(0)
      expect(session).toBeLessThanOrEqual(0xffff_ffff)
    }
  }
})

function runOf(rig: Rig): ReturnType<RaftHost['draft']> {
  const run = rig.host.draft()
  run.add(EntryType.termStart, { pieces: [], byteLength: 0 })
  return run
}
