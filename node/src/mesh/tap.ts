// A seam for simulations: what may stand between the arrival of an item and whoever it is for. A node
// has none, and its items go straight on. Previous stop: inbox.ts; next: inbox.ts again, whenever the
// tap says so. node/src/simulation/message-faults.ts has the one there is.
import type { MeshItem } from './frame-codec.ts'

export interface MeshTap {
  /**
   * Called for each item, in the order of arrival. `deliver` hands an item from that node on: at
   * once, later, more than once or never. What the mesh and its users rely on, and so what a tap may
   * do to it:
   *
   * - Raft messages: anything. Raft needs neither order nor the memory of a link.
   * - Requests: never, late, out of order. Not twice: the first copy may be refused as not applied,
   *   which must stay true.
   * - Replies: anything. The asker takes the first to a request of its own session.
   * - Messages (interest, core, leaders) and envelopes of actors: at once, and once. They have the
   *   order of their link, and nobody would notice a loss while it lasts.
   */
  received(fromNode: string, item: MeshItem, deliver: (item: MeshItem) => void): void
}
