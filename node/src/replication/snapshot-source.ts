// The snapshot a leader sends: the checkpoint at log start, read once for a transfer and cut into
// pieces. Keeps the bytes while pieces are asked for and forgets them when nobody does any more.
// Decides nothing about who needs one (the core does). Previous stop: raft-host.ts; next:
// group-snapshot.ts for the bytes, storage for the state.
import type { Configuration, SnapshotPoint } from '@quorate/raft'
import { sameChain } from '../storage/chain.ts'
import type { GroupKey } from '../storage/log-entry.ts'
import type { GroupLog, LogMark, Storage } from '../storage/storage.ts'
import type { NodeOf } from './configuration-entry.ts'
import { encodeSnapshot } from './group-snapshot.ts'

export interface SnapshotPiece {
  readonly snapshot: SnapshotPoint
  readonly offset: number
  readonly totalBytes: number
  readonly data: Uint8Array
}

export interface SnapshotSurroundings {
  readonly key: GroupKey
  readonly log: GroupLog
  readonly storage: Pick<Storage, 'readCheckpoint'>
  readonly nodeOf: NodeOf
  /** The newest committed one: newer than log start does no harm, its entry follows in the log. */
  committed(): Configuration
  /** Whether this node may send so much now; asked for again later by the core itself. */
  admits(bytes: number): boolean
}

interface Held {
  readonly point: SnapshotPoint
  readonly bytes: Uint8Array
}

type Done = (piece: SnapshotPiece) => void

export class SnapshotSource {
  readonly #around: SnapshotSurroundings
  #held: Held | undefined
  /** Asked for since the last look. */
  #used = false
  #reading = false

  constructor(around: SnapshotSurroundings) {
    this.#around = around
  }

  /** `done` may be called on a later turn, or never: then it will be asked for again. */
  read(offset: number, bytesMax: number, done: Done): void {
    this.#used = true
    const { start } = this.#around.log
    if (this.#held?.point.index === start.index) this.#give(this.#held, offset, bytesMax, done)
    else if (!this.#reading) this.#load(start, (held) => this.#give(held, offset, bytesMax, done))
  }

  /** Now and then: bytes that nobody asked for since the last look are let go. */
  look(): void {
    if (!this.#used) this.#held = undefined
    this.#used = false
  }

  #give({ point, bytes }: Held, offset: number, bytesMax: number, done: Done): void {
    const data = bytes.subarray(offset, offset + bytesMax)
    if (!this.#around.admits(data.byteLength)) return
    done({ snapshot: point, offset, totalBytes: bytes.byteLength, data })
  }

  #load(mark: LogMark, done: (held: Held) => void): void {
    const { key, storage, log, nodeOf, committed } = this.#around
    this.#reading = true
    storage.readCheckpoint(key, mark.index, (checkpoint) => {
      this.#reading = false
      if (checkpoint === undefined || log.start.index !== mark.index) return
      if (!sameChain(checkpoint.chain, mark.chain)) return
      const configuration = committed()
      // A replica that joined later, just elected: nobody could use a snapshot that names no voters,
      // and the nodes of all members are learned from the log.
      if (configuration.voters.length === 0 || !areKnown(configuration, nodeOf)) return
      const { index, term, chain } = mark
      const snapshot = { mark, configuration, state: checkpoint.state }
      this.#held = {
        point: { index, term, chain, configuration },
        bytes: encodeSnapshot(snapshot, nodeOf),
      }
      done(this.#held)
    })
  }
}

function areKnown(
  { voters, outgoing = [], learners = [] }: Configuration,
  nodeOf: NodeOf,
): boolean {
  return [...voters, ...outgoing, ...learners].every((id) => nodeOf(id) !== undefined)
}
