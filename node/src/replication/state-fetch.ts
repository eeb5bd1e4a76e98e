// Gets back the state at a replica's log start when its own copy is lost: asks the other replicas in
// turn, leader or not, and saves what comes as a checkpoint if it belongs to this log and the machine
// can read it. It waits and asks again as long as nobody has one. Previous stop: lost-parts.ts; next:
// the peers' state-server.ts, then storage.
import { chunksOf, joinChunks } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { limits } from '../limits.ts'
import { sameChain } from '../storage/chain.ts'
import type { GroupKey } from '../storage/log-entry.ts'
import type { GroupLog, Storage } from '../storage/storage.ts'
import type { PeerFetch } from './peer-fetch.ts'
import type { StatePiece, StateWanted } from './state-codec.ts'

export type FetchState = PeerFetch<StateWanted, StatePiece>

export interface StateFetchOptions {
  readonly key: GroupKey
  readonly log: GroupLog
  readonly storage: Pick<Storage, 'saveCheckpoint'>
  readonly fetch: FetchState
  /** Indexes whose state is of use; undefined: none is missing. */
  missing(): { readonly fromIndex: number; readonly lastIndex: number } | undefined
  /** Nodes of the group's other replicas, as far as they are known. */
  peers(): readonly string[]
  /** Can the machine be that? */
  accepts(state: Uint8Array, point: LogPoint): boolean
  /** Runs it in the replica's own turn, if the replica still lives then. */
  inTurn(run: () => void): void
  /** The same, after so long. */
  runAfter(delayMs: number, run: () => void): void
  /** It is on disk. */
  fetched(): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

interface Transfer {
  readonly node: string
  readonly fromIndex: number
  readonly lastIndex: number
  point: LogPoint | undefined
  readonly pieces: Uint8Array[]
  received: number
}

export class StateFetch {
  readonly #options: StateFetchOptions
  /** A transfer or a pause is under way. */
  #busy = false
  /** Questions asked so far: the next one goes to the next node. */
  #asked = 0

  constructor(options: StateFetchOptions) {
    this.#options = options
  }

  look(): void {
    const { missing, peers } = this.#options
    const range = missing()
    if (this.#busy || range === undefined) return
    this.#busy = true
    const nodes = peers()
    const node = nodes[this.#asked++ % Math.max(1, nodes.length)]
    if (node === undefined) this.#again()
    else this.#ask({ node, ...range, point: undefined, pieces: [], received: 0 })
  }

  #ask(transfer: Transfer): void {
    const { key, fetch, inTurn } = this.#options
    const { node, point, received } = transfer
    const fromIndex = point?.index ?? transfer.fromIndex
    const lastIndex = point?.index ?? transfer.lastIndex
    const wanted = { group: key, fromIndex, lastIndex, offset: received }
    fetch(node, wanted, (piece) => inTurn(() => this.#came(transfer, piece)))
  }

  #came(transfer: Transfer, piece: StatePiece | undefined): void {
    const size = piece?.data.byteLength ?? 0
    if (piece === undefined || size === 0 || !this.#continues(transfer, piece)) {
      this.#again()
      return
    }
    transfer.point = piece.point
    transfer.pieces.push(piece.data)
    transfer.received += size
    if (transfer.received < piece.totalBytes) this.#ask(transfer)
    else this.#save(transfer, piece.point)
  }

  /** Of the state that was begun, within the bound on states, and of this log. */
  #continues({ point, fromIndex, lastIndex, received }: Transfer, piece: StatePiece): boolean {
    const { index, term, chain } = piece.point
    if (piece.totalBytes > limits.stateBytesMax) return false
    if (received + piece.data.byteLength > piece.totalBytes) return false
    if (point !== undefined) return point.index === index && sameChain(point.chain, chain)
    if (index < fromIndex || index > lastIndex) return false
    const own = this.#options.log.pointAt(index)
    return own === undefined || (own.term === term && sameChain(own.chain, chain))
  }

  #save({ node, pieces }: Transfer, point: LogPoint): void {
    const { key, storage, accepts, inTurn } = this.#options
    const state = joinChunks(chunksOf(...pieces))
    if (!accepts(state, point)) this.#again()
    else {
      storage.saveCheckpoint(key, { ...point, state }, (error) =>
        inTurn(() => this.#saved(node, point.index, error)),
      )
    }
  }

  #saved(peer: string, index: number, error: Error | undefined): void {
    const { event, fetched } = this.#options
    if (error !== undefined) {
      event('checkpoint.failed', { index, reason: error.message })
      this.#again()
      return
    }
    this.#busy = false
    event('replica.state-fetched', { index, peer })
    fetched()
  }

  /** Whoever was asked could not help. */
  #again(): void {
    this.#options.runAfter(limits.repairRetryMs, () => {
      this.#busy = false
      this.look()
    })
  }
}
