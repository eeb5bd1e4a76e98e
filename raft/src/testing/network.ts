// Links between the replicas of a test cluster: one queue of packets ordered by due time. Links are
// cut per direction; what is under way on a cut link still arrives, as late as its latency says.
// Keeps the packets of the past, so that an old one can be sent again at any time.
import type { Draw, RaftMessage, ReplicaId } from '../types.ts'
import type { TestEntry } from './entry.ts'

export interface Packet {
  readonly sequence: number
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly message: RaftMessage<TestEntry>
  readonly dueMs: number
}

/** Inclusive, in milliseconds. */
export interface Range {
  readonly min: number
  readonly max: number
}

export interface NetworkConditions {
  /** A spread reorders packets. */
  latencyMs: Range
  dropPercent: number
  duplicatePercent: number
}

const pastPacketsMax = 512

function link(from: ReplicaId, to: ReplicaId): string {
  return `${from}>${to}`
}

export class TestNetwork {
  conditions: NetworkConditions
  /** Packets for which this is false are lost. */
  passes: (packet: Packet) => boolean = () => true
  /** In order of (dueMs, sequence). */
  readonly queue: Packet[] = []
  /** What was sent so far, newest last. */
  readonly past: Packet[] = []
  private readonly cuts = new Set<string>()
  private readonly draw: Draw
  private sequence = 0

  constructor(conditions: NetworkConditions, draw: Draw) {
    this.conditions = conditions
    this.draw = draw
  }

  send(from: ReplicaId, to: ReplicaId, message: RaftMessage<TestEntry>, nowMs: number): void {
    const { dropPercent, duplicatePercent } = this.conditions
    const packet = this.packet(from, to, message, nowMs)
    this.past.push(packet)
    if (this.past.length > pastPacketsMax) this.past.shift()
    if (dropPercent > 0 && this.draw('drop', 100) < dropPercent) return
    this.enqueue(packet)
    if (duplicatePercent > 0 && this.draw('duplicate', 100) < duplicatePercent) {
      this.enqueue(this.packet(from, to, message, nowMs))
    }
  }

  /** Sends a packet of the past again. */
  replay(packet: Packet, nowMs: number): void {
    this.enqueue(this.packet(packet.from, packet.to, packet.message, nowMs))
  }

  /** Takes a packet out of the queue. */
  take(packet: Packet): void {
    this.queue.splice(this.queue.indexOf(packet), 1)
  }

  cutOneWay(from: ReplicaId, to: ReplicaId): void {
    this.cuts.add(link(from, to))
  }

  mendOneWay(from: ReplicaId, to: ReplicaId): void {
    this.cuts.delete(link(from, to))
  }

  mendAll(): void {
    this.cuts.clear()
  }

  private packet(
    from: ReplicaId,
    to: ReplicaId,
    message: RaftMessage<TestEntry>,
    nowMs: number,
  ): Packet {
    const { min, max } = this.conditions.latencyMs
    const latencyMs = max > min ? min + this.draw('latency', max - min + 1) : min
    return { sequence: ++this.sequence, from, to, message, dueMs: nowMs + latencyMs }
  }

  private enqueue(packet: Packet): void {
    if (this.cuts.has(link(packet.from, packet.to)) || !this.passes(packet)) return
    let place = this.queue.length
    while (place > 0 && (this.queue[place - 1] as Packet).dueMs > packet.dueMs) place--
    this.queue.splice(place, 0, packet)
  }
}
