// Does a group that has lost a replica for good go on? In each such world of an exploration all that
// are left hear of the loss, fill the holes that some disk can fill, and let their timers run out in
// turn: one of them must come to lead and commit an entry of its own term. Looks only; what else may
// happen is explore.ts's.
import type { ReplicaId } from '../../src/types.ts'
import { electing, feed, holesToFill, repair } from './moves.ts'
import { type Observer, Turn, Violation, type World } from './world.ts'

/** Time-outs of each replica: one to drop an entry, one to be elected, and one to spare. */
const rounds = 3

export function assertGoesOn(world: World, observer: Observer): void {
  const turn = new Turn(world, observer)
  const ids = world.replicas.map(({ id }) => id).filter((id) => id !== world.lost)
  for (const id of ids) turn.hearsOfLoss(id)
  for (let round = 0; round < rounds; round++) {
    for (const id of ids) {
      fillHoles(turn, ids)
      timeOut(turn, id, ids)
      if (turn.at(id).raft.role !== 'leader') continue
      feed(turn, id, ids, -1)
      const { log, term } = turn.at(id).raft
      if (log.commit === log.lastIndex && log.lastTerm === term) return
    }
  }
  throw new Violation(`nobody leads without ${world.lost}`)
}

function fillHoles(turn: Turn, ids: readonly ReplicaId[]): void {
  for (const id of ids) {
    const disks = ids.map((other) => turn.at(other).disk)
    const holes = holesToFill(turn.at(id).disk, disks)
    if (holes.length > 0) repair(turn, id, holes)
  }
}

function timeOut(turn: Turn, id: ReplicaId, ids: readonly ReplicaId[]): void {
  for (const other of ids) turn.at(other).raft.contactMs = -Infinity
  if (turn.at(id).raft.role === 'leader') return
  turn.at(id).raft.electionDeadlineMs = 0
  turn.input(id, { type: 'tick' })
  turn.exchange(ids, electing)
}
