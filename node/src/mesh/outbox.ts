// What one link has to send: items become frames, frames become NATS messages on the byte link.
// Decides what is dropped or refused when the link is down, full, or the item too large; tells
// nobody what was dropped but counts it. Invariant: bytes given to the byte link are whole frames.
// Previous stop: peer-link.ts; next: network.ts.
import { natsWriter, QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { NodeProbe } from '../probes.ts'
import type { GroupId, LogEntry } from '../storage/log-entry.ts'
import { type PreparedItem, preparedBodyBytes, writePrepared } from './call-codec.ts'
import { FrameWriter, frameCrcBytes, itemBytesMax, itemHeadBytes } from './frame-writer.ts'
import type { LinkCounters } from './metrics.ts'
import type { ByteLink } from './network.ts'
import { raftBodyBytes, writeRaft } from './raft-codec.ts'

/** Waiting bytes from which on a simulation may have the link refuse more. */
const busyBytes = 1024

/** What became of an item. */
export type Placement = 'queued' | 'down' | 'full' | 'too-large'

export interface OutboxOptions {
  /** `$Q.mesh.<peer>`. */
  readonly subject: string
  readonly queueBytesMax: number
  readonly frameBytesMax: number
  readonly counters: LinkCounters
  readonly probe: NodeProbe
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #counters: LinkCounters
  #writer = new FrameWriter()
  #link: ByteLink | undefined
  #frameBytesMax = 0
  /** Requests in the frame in work: nothing of them was sent. */
  #unsentRequests: number[] = []

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#counters = options.counters
  }

  get queuedBytes(): number {
    return this.#writer.byteLength + (this.#link?.backlogBytes ?? 0)
  }

  /** From here on items are taken. `peerPayloadBytesMax`: what the peer takes in one message. */
  open(link: ByteLink, peerPayloadBytesMax: number): void {
    this.#link = link
    const { frameBytesMax } = this.#options
    const largest = itemBytesMax + itemHeadBytes + frameCrcBytes
    this.#frameBytesMax = Math.min(frameBytesMax, peerPayloadBytesMax, largest)
  }

  /** Drops what was not written. Returns the requests in it, of which nothing was sent. */
  close(): readonly number[] {
    this.#link = undefined
    this.#counters.droppedDown += this.#writer.items
    if (this.#writer.byteLength > 0) this.#writer = new FrameWriter()
    const unsent = this.#unsentRequests
    this.#unsentRequests = []
    return unsent
  }

  addRaft(
    group: GroupId,
    from: ReplicaId,
    to: ReplicaId,
    message: RaftMessage<LogEntry>,
  ): Placement {
    const placement = this.#place(raftBodyBytes(message))
    if (placement === 'queued') writeRaft(this.#writer, group, from, to, message)
    return placement
  }

  /** `requestId`: of a request of this node. */
  add(item: PreparedItem, requestId?: number): Placement {
    const placement = this.#place(preparedBodyBytes(item))
    if (placement !== 'queued') return placement
    writePrepared(this.#writer, item)
    if (requestId !== undefined) this.#unsentRequests.push(requestId)
    return placement
  }

  /** Writes the frame in work, if there is one. */
  flush(): void {
    const { items } = this.#writer
    if (this.#link === undefined || items === 0) return
    const frame = this.#writer.finish()
    this.#unsentRequests = []
    this.#counters.frames += 1
    this.#counters.items += items
    this.#counters.bytes += frame.byteLength
    this.#link.write(natsWriter.pub(this.#options.subject, undefined, undefined, frame))
  }

  /** Makes room for an item, sending the frame in work when it does not fit behind it. */
  #place(bodyBytes: number): Placement {
    const counters = this.#counters
    if (this.#link === undefined) {
      counters.droppedDown += 1
      return 'down'
    }
    if (bodyBytes + itemHeadBytes + frameCrcBytes > this.#frameBytesMax) {
      counters.droppedLarge += 1
      return 'too-large'
    }
    if (this.#isFull(bodyBytes)) {
      this.#options.probe.reached('mesh.item-refused-full')
      counters.droppedFull += 1
      return 'full'
    }
    const isFrameFull = this.#writer.sizeWith(bodyBytes) > this.#frameBytesMax
    if (isFrameFull || this.#options.probe.provoke('mesh.frame-small')) this.flush()
    return 'queued'
  }

  #isFull(bodyBytes: number): boolean {
    const { queueBytesMax, probe } = this.#options
    const { queuedBytes } = this
    if (queuedBytes > 0 && queuedBytes + bodyBytes > queueBytesMax) return true
    return queuedBytes > busyBytes && probe.provoke('mesh.outbox-full')
  }
}

/** Why a request was not sent. Its outcome is certain: not applied. */
export function requestError(placement: Exclude<Placement, 'queued'>, node: string): QuorateError {
  switch (placement) {
    case 'down':
      return new QuorateError('QUORATE_CONNECTION_FAILED', `node ${node} cannot be reached`)
    case 'full':
      return new QuorateError('QUORATE_OVERLOADED', `too much waits for node ${node}`)
    case 'too-large':
      return new QuorateError('QUORATE_PAYLOAD_TOO_LARGE', 'it fits no frame between nodes')
  }
}
