// Vote and copy arithmetic: how many are a majority, and how far a majority has come. Elections,
// commit, check-quorum and ReadIndex all ask this one file. In a joint configuration a decision
// needs a majority of both halves. It knows nothing of logs or messages.
import type { Configuration, ReplicaId } from './types.ts'

export type Tally = 'won' | 'lost' | 'open'

/** The voters of one half of a configuration, as the one who counts sees them. */
export interface Half<Peer> {
  readonly peers: readonly Peer[]
  readonly hasSelf: boolean
}

export interface Quorums<Peer> {
  readonly incoming: Half<Peer>
  /** Present exactly in a joint configuration. */
  readonly outgoing: Half<Peer> | undefined
}

export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/** The highest value that a majority has reached. Sorts `values` in place; it must not be empty. */
export function quorumValue(values: number[]): number {
  // Insertion sort, descending: a group has at most a handful of voters, and this allocates nothing.
  for (let place = 1; place < values.length; place++) {
    const value = values[place] as number
    let before = place - 1
    while (before >= 0 && (values[before] as number) < value) {
      values[before + 1] = values[before] as number
      before--
    }
    values[before + 1] = value
  }
  return values[majority(values.length) - 1] as number
}

function reachedBy<Peer>(
  half: Half<Peer>,
  own: number,
  pick: (peer: Peer) => number,
  scratch: number[],
): number {
  scratch.length = 0
  if (half.hasSelf) scratch.push(own)
  for (const peer of half.peers) scratch.push(pick(peer))
  return quorumValue(scratch)
}

/** What a quorum has reached, the one who counts with `own`. `scratch` is reused memory. */
export function quorumOver<Peer>(
  { incoming, outgoing }: Quorums<Peer>,
  own: number,
  pick: (peer: Peer) => number,
  scratch: number[],
): number {
  const reached = reachedBy(incoming, own, pick, scratch)
  if (outgoing === undefined) return reached
  return Math.min(reached, reachedBy(outgoing, own, pick, scratch))
}

export function quorumsOf<Peer extends { readonly id: ReplicaId }>(
  { voters, outgoing }: Configuration,
  self: ReplicaId,
  peers: readonly Peer[],
): Quorums<Peer> {
  const half = (ids: readonly ReplicaId[]): Half<Peer> => ({
    peers: peers.filter(({ id }) => ids.includes(id)),
    hasSelf: ids.includes(self),
  })
  return { incoming: half(voters), outgoing: outgoing && half(outgoing) }
}

function tallyOf(voters: readonly ReplicaId[], votes: ReadonlyMap<ReplicaId, boolean>): Tally {
  let granted = 0
  let possible = 0
  for (const voter of voters) {
    const vote = votes.get(voter)
    if (vote === true) granted++
    if (vote !== false) possible++
  }
  if (granted >= majority(voters.length)) return 'won'
  return possible < majority(voters.length) ? 'lost' : 'open'
}

/** State of an election in which some have answered. Only voters count. */
export function tally(
  { voters, outgoing }: Configuration,
  votes: ReadonlyMap<ReplicaId, boolean>,
): Tally {
  const incoming = tallyOf(voters, votes)
  if (outgoing === undefined || incoming === 'lost') return incoming
  const other = tallyOf(outgoing, votes)
  return other === 'won' ? incoming : other
}

/** Does this hold for a majority of the voters, of both halves in a joint configuration? */
export function isQuorum(
  { voters, outgoing }: Configuration,
  holds: (voter: ReplicaId) => boolean,
): boolean {
  if (voters.filter(holds).length < majority(voters.length)) return false
  return outgoing === undefined || outgoing.filter(holds).length >= majority(outgoing.length)
}

/** Does this hold for all voters, of both halves in a joint configuration? */
export function everyVoter(
  { voters, outgoing }: Configuration,
  holds: (voter: ReplicaId) => boolean,
): boolean {
  return voters.every(holds) && (outgoing === undefined || outgoing.every(holds))
}
