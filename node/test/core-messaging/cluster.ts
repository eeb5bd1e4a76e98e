// Routers of several nodes, joined by queues that keep order per direction and carry nothing by
// themselves: a test says when frames arrive and when peers see each other.
import { keyedRandom } from '@quorate/actors'
import { type Chunks, chunksOf } from '@quorate/protocol'
import type { PeerKind } from '../../src/core-messaging/peer-transport.ts'
import { CoreRouter } from '../../src/core-messaging/router.ts'
import type { CoreMessage, Subscription } from '../../src/core-messaging/subscription.ts'

interface Frame {
  readonly kind: PeerKind
  readonly bytes: Chunks
}

export class Cluster {
  readonly nodes: readonly string[]
  readonly #routers = new Map<string, CoreRouter>()
  /** By `from to`; present while the direction is up. */
  readonly #links = new Map<string, Frame[]>()

  constructor(size: number, seed = 'test') {
    this.nodes = Array.from({ length: size }, (_, index) => `n${index + 1}`)
    for (const nodeId of this.nodes) {
      const transport = {
        send: (toNode: string, kind: PeerKind, bytes: Chunks): void => {
          this.#links.get(`${nodeId} ${toNode}`)?.push({ kind, bytes })
        },
      }
      this.#routers.set(
        nodeId,
        new CoreRouter({ nodeId, random: keyedRandom(`${seed} ${nodeId}`), transport }),
      )
    }
    for (const a of this.nodes) for (const b of this.nodes) if (a < b) this.join(a, b)
    this.settle()
  }

  router(node: string): CoreRouter {
    return this.#routers.get(node)!
  }

  isJoined(a: string, b: string): boolean {
    return this.#links.has(`${a} ${b}`)
  }

  join(a: string, b: string): void {
    this.#links.set(`${a} ${b}`, [])
    this.#links.set(`${b} ${a}`, [])
    this.router(a).peerUp(b)
    this.router(b).peerUp(a)
  }

  /** Frames under way are lost. */
  part(a: string, b: string): void {
    this.#links.delete(`${a} ${b}`)
    this.#links.delete(`${b} ${a}`)
    this.router(a).peerDown(b)
    this.router(b).peerDown(a)
  }

  /** Delivers the oldest frame of one direction. */
  deliverOne(from: string, to: string): boolean {
    const frame = this.#links.get(`${from} ${to}`)?.shift()
    if (frame === undefined) return false
    this.router(to).receive(from, frame.kind, frame.bytes)
    return true
  }

  /** Loses the oldest frame of one direction, which a mesh must not do without `peerDown`. */
  loseOne(from: string, to: string): boolean {
    return this.#links.get(`${from} ${to}`)?.shift() !== undefined
  }

  settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const from of this.nodes) {
        for (const to of this.nodes) while (this.deliverOne(from, to)) moved = true
      }
    }
  }
}

export function messageOf(subject: string, text = '', reply?: string): CoreMessage {
  const payload = chunksOf(new TextEncoder().encode(text))
  return { subject, reply, headers: undefined, payload }
}

/** A subscription that notes what it gets. */
export function subscriptionOf(
  pattern: string,
  queue?: string,
  owner: object = {},
): Subscription & { readonly received: CoreMessage[] } {
  const received: CoreMessage[] = []
  return { owner, pattern, queue, received, deliver: (message) => received.push(message) }
}
