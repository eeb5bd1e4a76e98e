// Counters of the mesh. Plain numbers that links and acceptors raise and `Mesh.metrics` copies.
import type { MeshChannel } from './handshake.ts'

export interface LinkCounters {
  /** Outgoing; bytes are those of frames. */
  frames: number
  bytes: number
  items: number
  /** Items not sent because the link was down. */
  droppedDown: number
  /** Items not sent because too many bytes waited. */
  droppedFull: number
  /** Items not sent because they fit no frame. */
  droppedLarge: number
  /** Links that came up, the first one included. */
  connects: number
  /** Incoming. */
  framesIn: number
  bytesIn: number
  itemsIn: number
  /** Frames that could not be decoded. */
  damagedIn: number
}

export interface MeshMetrics {
  readonly links: readonly (Readonly<LinkCounters> & {
    readonly node: string
    readonly channel: MeshChannel
    readonly up: boolean
    /** Bytes that wait for this link. */
    readonly queuedBytes: number
  })[]
  readonly requestsSent: number
  readonly requestsOutstanding: number
  readonly requestsTimedOut: number
  /** Requests that came from peers. */
  readonly requestsServed: number
  /** Handshakes of others that were refused. */
  readonly peersRefused: number
}

export function newLinkCounters(): LinkCounters {
  return {
    frames: 0,
    bytes: 0,
    items: 0,
    droppedDown: 0,
    droppedFull: 0,
    droppedLarge: 0,
    connects: 0,
    framesIn: 0,
    bytesIn: 0,
    itemsIn: 0,
    damagedIn: 0,
  }
}
