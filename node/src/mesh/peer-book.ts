// What is known of each peer, and when two nodes have each other: all four links between them stand
// and belong to one life of the peer. Pure. A half-open pair, or links to two lives of a peer, count
// as down, so that whoever exchanges state on `up` never talks past a restart.
import type { MeshChannel } from './handshake.ts'

export interface MeshPeer {
  /** `host:port` to dial. */
  readonly address: string
  readonly incarnation: string
  /** The address was given by an operator: one learnt in a handshake does not replace it. */
  readonly pinned?: boolean
}

/** One of the four links: dialled by this node or by the peer. */
export type LinkPlace = `${'out' | 'in'}/${MeshChannel}`

const places: readonly LinkPlace[] = ['out/control', 'out/bulk', 'in/control', 'in/bulk']

export class PeerState {
  peer: MeshPeer
  /** Boot session of the peer heard of last; 0 before the first. */
  session = 0
  up = false
  readonly #sessions = new Map<LinkPlace, number>()

  constructor(peer: MeshPeer) {
    this.peer = peer
  }

  /** `restarted`: the peer is not the process it was before. */
  linkUp(place: LinkPlace, session: number): { readonly restarted: boolean } {
    const restarted = this.session !== 0 && this.session !== session
    this.session = session
    this.#sessions.set(place, session)
    return { restarted }
  }

  linkDown(place: LinkPlace): void {
    this.#sessions.delete(place)
  }

  /** At least one link stands. */
  get linked(): boolean {
    return this.#sessions.size > 0
  }

  /** Invariant: after it `up` says how things are. */
  judge(): 'up' | 'down' | undefined {
    const now = places.every((place) => this.#sessions.get(place) === this.session)
    if (now === this.up) return undefined
    this.up = now
    return now ? 'up' : 'down'
  }
}
