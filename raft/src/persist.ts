// Storage requests of one replica and the messages that wait for them. A step makes at most one
// request; replies that promise durability are held here and come out as sends once the request
// they depend on, and all before it, are on disk. Knows nothing of roles; step.ts is the caller
// before, the host's storage the stop after.
import type { Raft } from './raft.ts'
import { holesCut } from './recovery.ts'
import type {
  AppendReply,
  HardState,
  HeartbeatReply,
  HoleReply,
  RaftEntry,
  RaftMessage,
  ReplicaId,
  SnapshotPoint,
  SnapshotReply,
  VoteReply,
} from './types.ts'

export type Reply = VoteReply | AppendReply | HeartbeatReply | SnapshotReply | HoleReply

/** The request of the step under way: it takes its place among the effects before it is complete. */
interface OpenRequest<Entry extends RaftEntry> {
  readonly type: 'persist'
  readonly id: number
  hardState?: HardState
  truncateAfter?: number
  snapshot?: SnapshotPoint
  entries: readonly Entry[]
}

interface Outstanding {
  readonly id: number
  /**
   * Once this request is stored, the present log up to here is on disk. A later truncation lowers
   * it: entries that were cut off do not become stable when an older request of theirs completes,
   * not even when equal ones have been written again since (the ABA race).
   */
  lastIndex: number
}

interface Held {
  readonly id: number
  readonly to: ReplicaId
  readonly reply: Reply
}

export class Persists<Entry extends RaftEntry> {
  nextId = 1
  /** Newest unfinished request that carries a hard state, 0 when term and vote are on disk. */
  hardStateId = 0
  open: OpenRequest<Entry> | undefined = undefined
  /** Oldest first. Invariant: ids rise, and so does lastIndex among those that carry entries. */
  readonly outstanding: Outstanding[] = []
  /** Replies of the present term only. */
  held: Held[] = []
}

function request<Entry extends RaftEntry>(raft: Raft<Entry>): OpenRequest<Entry> {
  const { persists } = raft
  if (persists.open === undefined) {
    persists.open = { type: 'persist', id: persists.nextId++, entries: [] }
    persists.outstanding.push({ id: persists.open.id, lastIndex: 0 })
    raft.effects.push(persists.open)
  }
  return persists.open
}

/** Enters a newer term. Promises of the old one that have not left are void. */
export function enterTerm<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  term: number,
  votedFor: ReplicaId,
): void {
  raft.term = term
  raft.votedFor = votedFor
  raft.persists.held.length = 0
  raft.assembly = undefined
  persistHardState(raft)
}

/** Term or vote changed: both go to disk before anything of this term is sent. */
export function persistHardState<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const open = request(raft)
  open.hardState = { term: raft.term, votedFor: raft.votedFor }
  raft.persists.hardStateId = open.id
}

/** Cuts the log off after `index`, if it is longer. Holes behind that are gone with it. */
export function persistTruncation<Entry extends RaftEntry>(raft: Raft<Entry>, index: number): void {
  const { log, persists, recovery } = raft
  if (index >= log.lastIndex) return
  raft.probe.reached('raft.entries-truncated')
  request(raft).truncateAfter = index
  log.truncateAfter(index)
  holesCut(recovery, index)
  for (const earlier of persists.outstanding) {
    earlier.lastIndex = Math.min(earlier.lastIndex, index)
  }
}

/** Appends to the log in memory and asks for it on disk; cuts off a conflicting end first. */
export function persistEntries<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  entries: readonly Entry[],
): void {
  const { log, persists } = raft
  persistTruncation(raft, (entries[0] as Entry).index - 1)
  request(raft).entries = entries
  log.append(entries)
  const newest = persists.outstanding[persists.outstanding.length - 1] as Outstanding
  newest.lastIndex = log.lastIndex
}

/** The log starts from a snapshot, in memory at once, and what was there is gone with the request. */
export function persistSnapshot<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  snapshot: SnapshotPoint,
): void {
  const { log, persists } = raft
  request(raft).snapshot = snapshot
  for (const earlier of persists.outstanding) {
    earlier.lastIndex = Math.min(earlier.lastIndex, log.commit)
  }
  log.reset(snapshot)
  raft.recovery.cleanThrough = Infinity
  raft.recovery.undecided = []
  const newest = persists.outstanding[persists.outstanding.length - 1] as Outstanding
  newest.lastIndex = log.lastIndex
}

function sendOrHold<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  reply: Reply,
  id: number,
): void {
  if (id === 0) {
    raft.effects.push({ type: 'send', to, message: reply })
    return
  }
  // A disk may stall for long, so of replies of one kind that wait together one is kept.
  const { held } = raft.persists
  const place = held.findIndex(
    (earlier) => earlier.id === id && earlier.to === to && isSameKind(earlier.reply, reply),
  )
  if (place < 0) held.push({ id, to, reply })
  else if (contentOf(reply) >= contentOf((held[place] as Held).reply)) {
    held[place] = { id, to, reply }
  }
}

function isSameKind(one: Reply, other: Reply): boolean {
  if (one.type === 'vote-reply') return other.type === 'vote-reply' && one.pre === other.pre
  if (one.type === 'hole-reply') return other.type === 'hole-reply' && one.pre === other.pre
  if (one.type === 'append-reply') {
    return other.type === 'append-reply' && one.success === other.success
  }
  return one.type === other.type
}

/** How much a reply says, compared with one of its kind; of equal ones the newer is kept. */
function contentOf(reply: Reply): number {
  if (reply.type === 'heartbeat-reply') return reply.read
  if (reply.type === 'vote-reply') return reply.granted ? 1 : 0
  return reply.type === 'append-reply' && reply.success ? reply.reached : 0
}

/** A reply that carries the term: it leaves once term and vote are on disk. */
export function sendReply<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  reply: Reply,
): void {
  sendOrHold(raft, to, reply, raft.persists.hardStateId)
}

/** A reply about the log as it is now: it leaves once all that was asked for is on disk. */
export function sendReplyWhenAllStored<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  reply: Reply,
): void {
  sendOrHold(raft, to, reply, raft.persists.outstanding.at(-1)?.id ?? 0)
}

/** Acks that still wait promise no more than what lies before the first hole. */
export function capHeldAcks<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  cleanThrough: number,
): void {
  const { persists } = raft
  persists.held = persists.held.map((held) => {
    const { reply } = held
    if (reply.type !== 'append-reply' || !reply.success) return held
    return { ...held, reply: { ...reply, match: Math.min(reply.match, cleanThrough) } }
  })
}

/** A reply that promises the log up to `match`: it leaves once that is on disk too. */
export function sendReplyWhenStored<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  reply: Reply,
  match: number,
): void {
  const { persists, log } = raft
  let id = persists.hardStateId
  if (match > log.stable) {
    const covering = persists.outstanding.find((earlier) => earlier.lastIndex >= match)
    if (covering === undefined) throw new Error(`no request stores index ${match}`)
    id = Math.max(id, covering.id)
  }
  sendOrHold(raft, to, reply, id)
}

/** A message that needs no storage, or whose sender has waited for it already. */
export function send<Entry extends RaftEntry>(
  raft: Raft<Entry>,
  to: ReplicaId,
  message: RaftMessage<Entry>,
): void {
  raft.effects.push({ type: 'send', to, message })
}

/** The request `id` and all before it are on disk. */
export function onStored<Entry extends RaftEntry>(raft: Raft<Entry>, id: number): void {
  const { persists, log } = raft
  const { outstanding } = persists
  while (outstanding.length > 0 && (outstanding[0] as Outstanding).id <= id) {
    const done = outstanding.shift() as Outstanding
    if (done.lastIndex > log.stable) log.stable = done.lastIndex
  }
  if (persists.hardStateId <= id) persists.hardStateId = 0
  if (persists.held.length > 0) release(raft, id)
}

/** Sends what waited for `id`. Of several acks only the one that says most is sent. */
function release<Entry extends RaftEntry>(raft: Raft<Entry>, id: number): void {
  const waiting: Held[] = []
  let ack: Held | undefined
  for (const held of raft.persists.held) {
    if (held.id > id) waiting.push(held)
    else if (held.reply.type !== 'append-reply' || !held.reply.success) {
      send(raft, held.to, held.reply)
    } else if (ack === undefined || held.reply.match >= contentOf(ack.reply)) ack = held
  }
  raft.persists.held = waiting
  if (ack !== undefined) send(raft, ack.to, ack.reply)
}
