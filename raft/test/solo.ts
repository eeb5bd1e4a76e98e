// One replica without a network, for tests of exact effects: the test plays disk, clock and peers.
import {
  type Configuration,
  checkInvariants,
  createRaft,
  deadlineMs,
  defaultRaftOptions,
  type LogPoint,
  type Raft,
  type RaftEffect,
  type RaftInput,
  type RaftMessage,
  type ReplicaId,
  step,
} from '../src/index.ts'
import type { RaftTuning } from '../src/options.ts'
import { majority } from '../src/quorum.ts'
import {
  keyedDraw,
  makeEntry,
  makeLog,
  missingEntry,
  origin,
  type TestEntry,
} from '../src/testing/index.ts'

export type Effect = RaftEffect<TestEntry>
export type Message = RaftMessage<TestEntry>
type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>

export interface SoloOptions {
  readonly id?: ReplicaId
  readonly voters?: number
  /** In force at the base, in place of `voters`. */
  readonly configuration?: Configuration
  readonly term?: number
  readonly votedFor?: ReplicaId
  /** Terms of the entries found on disk. */
  readonly log?: readonly number[]
  /** The entries themselves, in place of `log`. */
  readonly entries?: readonly TestEntry[]
  readonly commit?: number
  /** Entries up to here are not in memory. */
  readonly base?: number
  /** First and last index of a damaged range. */
  readonly hole?: readonly [number, number]
  /** Nothing proves that the damaged range was ever complete. */
  readonly undecided?: boolean
  readonly condition?: 'clean' | 'unknown-tail'
  readonly seed?: number
  readonly raft?: Partial<RaftTuning>
}

/** Session of every peer a Solo test plays. */
export const peerSession = 77

export class Solo {
  readonly raft: Raft<TestEntry>
  nowMs = 0
  private readonly unstored: number[] = []

  constructor(options: SoloOptions = {}) {
    const [first, last] = options.hole ?? [Infinity, 0]
    const found = options.entries ?? makeLog(options.log ?? [])
    const entries = found.map((entry) =>
      entry.index < first || entry.index > last ? entry : missingEntry(entry, entry.index === last),
    )
    const voters = Array.from({ length: options.voters ?? 3 }, (_, place) => place + 1)
    const baseIndex = options.base ?? 0
    const base: LogPoint = entries[baseIndex - 1] ?? origin
    this.raft = createRaft(
      {
        ...defaultRaftOptions,
        ...options.raft,
        id: options.id ?? 1,
        configuration: options.configuration ?? { voters },
        session: 1,
      },
      {
        hardState: {
          term: options.term ?? entries.at(-1)?.term ?? 0,
          votedFor: options.votedFor ?? 0,
        },
        base,
        entries: entries.slice(baseIndex),
        commit: options.commit ?? baseIndex,
        cleanThrough: first - 1,
        undecided: options.undecided ? [first] : [],
        ...(options.condition === undefined ? {} : { condition: options.condition }),
      },
      0,
      keyedDraw(options.seed ?? 1),
    )
  }

  input(input: RaftInput<TestEntry>): Effect[] {
    const effects = step(this.raft, input, this.nowMs)
    checkInvariants(this.raft)
    for (const effect of effects) if (effect.type === 'persist') this.unstored.push(effect.id)
    return effects
  }

  receive(from: ReplicaId, message: Message): Effect[] {
    return this.input({ type: 'message', from, message })
  }

  /** Everything asked so far is on disk. */
  store(): Effect[] {
    return this.unstored.splice(0).flatMap((id) => this.input({ type: 'stored', id }))
  }

  tick(afterMs = 0): Effect[] {
    this.nowMs += afterMs
    return this.input({ type: 'tick' })
  }

  /** Lets the timer run out that is due next. */
  timeOut(): Effect[] {
    this.nowMs = Math.max(this.nowMs, deadlineMs(this.raft))
    return this.tick()
  }

  propose(...values: string[]): Effect[] {
    let previous = this.raft.log.pointAt(this.raft.log.lastIndex) as LogPoint
    const entries = values.map((value) => {
      const entry = makeEntry(previous, this.raft.term, value)
      previous = entry
      return entry
    })
    return this.input({ type: 'propose', entries })
  }

  /** Peers that make a majority together with this replica. */
  get helpers(): readonly ReplicaId[] {
    const peers = this.raft.membership.votingPeers
    return peers.slice(0, majority(peers.length + 1) - 1)
  }

  becomePreCandidate(): Effect[] {
    return this.timeOut()
  }

  /** Returns the effects that ask for votes. */
  becomeCandidate(): Effect[] {
    this.becomePreCandidate()
    const term = this.raft.term + 1
    for (const helper of this.helpers) this.receive(helper, voteReply(term, true, true))
    return this.store()
  }

  /** Returns the effects of the last vote. */
  becomeLeader(): Effect[] {
    this.becomeCandidate()
    return this.helpers.flatMap((helper) => this.receive(helper, voteReply(this.raft.term, true)))
  }

  /** A peer acks the log up to `match`. */
  ack(from: ReplicaId, match: number): Effect[] {
    return this.receive(from, appendReply(this.raft.term, match))
  }

  /** Leader whose own-term entry is committed, with every peer's progress known. */
  becomeServingLeader(): void {
    this.becomeLeader()
    this.propose('start')
    this.store()
    for (const peer of this.raft.membership.peers) this.ack(peer, this.raft.log.lastIndex)
  }
}

export function voteRequest(
  term: number,
  last: LogPoint | { index: number; term: number },
  flags: { pre?: boolean; transfer?: boolean } = {},
): MessageOf<'vote-request'> {
  return {
    type: 'vote-request',
    pre: flags.pre ?? false,
    term,
    lastIndex: last.index,
    lastTerm: last.term,
    transfer: flags.transfer ?? false,
  }
}

export function voteReply(term: number, granted: boolean, pre = false): MessageOf<'vote-reply'> {
  return { type: 'vote-reply', pre, term, granted, session: peerSession }
}

export function append(
  term: number,
  previous: LogPoint,
  entries: readonly TestEntry[] = [],
  commit = 0,
): MessageOf<'append'> {
  return { type: 'append', term, previous, entries, commit }
}

export function appendReply(
  term: number,
  match: number,
  session: number = peerSession,
): MessageOf<'append-reply'> {
  const extent = { index: match, term }
  return {
    type: 'append-reply',
    term,
    success: true,
    match,
    hintTerm: 0,
    rejected: 0,
    extent,
    session,
    reached: match,
    recovering: false,
  }
}

export function appendRefusal(
  term: number,
  rejected: number,
  hint: { index: number; term: number },
  session: number = peerSession,
): MessageOf<'append-reply'> {
  return {
    type: 'append-reply',
    term,
    success: false,
    match: hint.index,
    hintTerm: hint.term,
    rejected,
    extent: hint,
    session,
    reached: hint.index,
    recovering: false,
  }
}

export function heartbeat(term: number, commit = 0, read = 0): MessageOf<'heartbeat'> {
  return { type: 'heartbeat', term, commit, read }
}

export function heartbeatReply(
  term: number,
  read = 0,
  extent: { index: number; term: number } = { index: 0, term: 0 },
  session: number = peerSession,
): MessageOf<'heartbeat-reply'> {
  return { type: 'heartbeat-reply', term, read, extent, session, recovering: false }
}

/** Messages of one type among the effects, as [to, message]. */
export function sent<Type extends Message['type']>(
  effects: readonly Effect[],
  type: Type,
): [ReplicaId, MessageOf<Type>][] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.message.type === type
      ? [[effect.to, effect.message as MessageOf<Type>] as [ReplicaId, MessageOf<Type>]]
      : [],
  )
}

export function only<Type extends Effect['type']>(
  effects: readonly Effect[],
  type: Type,
): Extract<Effect, { type: Type }>[] {
  return effects.filter((effect) => effect.type === type) as Extract<Effect, { type: Type }>[]
}
