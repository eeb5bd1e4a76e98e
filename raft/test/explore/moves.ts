// What an exploration lets happen between replicas that hear each other: who talks about what, a
// leader that feeds, a hole that is filled. When it happens is explore.ts's and ending.ts's.
import type { TestEntry } from '../../src/testing/index.ts'
import type { ReplicaId } from '../../src/types.ts'
import { type Disk, holesOf, type Message, type Turn } from './world.ts'

export const electing: ReadonlySet<Message['type']> = new Set([
  'vote-request',
  'vote-reply',
  'hole-request',
  'hole-reply',
])
const feeding: ReadonlySet<Message['type']> = new Set([
  'append',
  'append-reply',
  'heartbeat',
  'heartbeat-reply',
  'fence-passed',
  'quarantine',
])

/** Heartbeats, until these have all there is: new sessions need a few to be believed. */
export function feed(turn: Turn, id: ReplicaId, among: readonly ReplicaId[], heldUp: number): void {
  let beats = 0
  for (let isMoving = true; isMoving; ) {
    const { leadership } = turn.at(id).raft
    if (leadership === undefined) return
    const before = whatFeedingMoves(turn, among)
    leadership.heartbeatDeadlineMs = 0
    // What was sent into windows before has been lost.
    for (const progress of leadership.progress) progress.movedMs = -1000
    turn.input(id, { type: 'tick' })
    turn.exchange(among, feeding, heldUp)
    // Else it would be sent again at once, and its lateness would mean nothing.
    if (heldUp >= 0 && turn.news > heldUp) return
    const isUnproven = leadership.progress.some(({ unprovenSession }) => unprovenSession !== 0)
    const hasMoved = whatFeedingMoves(turn, among) !== before
    isMoving = hasMoved || (isUnproven && ++beats < 3)
  }
}

/** A peer that cannot read all it has is asked again with each heartbeat: that alone moves nothing. */
function whatFeedingMoves(turn: Turn, among: readonly ReplicaId[]): string {
  return among
    .map((id) => {
      const { log, term, recovery, leadership } = turn.at(id).raft
      const progress = leadership?.progress.map(({ state, match, reached, next, session }) =>
        [state, match, reached, next, session].join(),
      )
      const { lastIndex, lastTerm, stable, commit } = log
      return [term, recovery.tailKnown, lastIndex, lastTerm, stable, commit, progress].join()
    })
    .join(' ')
}

/** Up to the first that no disk can fill. */
export function holesToFill(disk: Disk, disks: readonly Disk[]): TestEntry[] {
  const holes = disk.entries.filter((_, place) => disk.qualities[place] !== 'good')
  const open = holes.findIndex((hole) => !disks.some((other) => hasGood(other, hole)))
  return open < 0 ? holes : holes.slice(0, open)
}

export function repair(turn: Turn, id: ReplicaId, holes: readonly TestEntry[]): void {
  const place = turn.at(id)
  const qualities = place.disk.qualities.map((quality, at) =>
    holes.some(({ index }) => index === at + 1) ? 'good' : quality,
  )
  place.disk = { ...place.disk, qualities }
  turn.input(id, { type: 'repaired', entries: holes })
  turn.input(id, { type: 'holes', ...holesOf(place.disk) })
}

export function holds({ entries }: Disk, { index, term, value }: TestEntry): boolean {
  const own = entries[index - 1]
  return own?.term === term && own.value === value
}

export function hasGood(disk: Disk, entry: TestEntry): boolean {
  return holds(disk, entry) && disk.qualities[entry.index - 1] === 'good'
}
