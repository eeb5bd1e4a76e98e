// The interest of this node: which (pattern, queue) its clients want, counted, and how its changes
// are told to peers. Every change has a number; the full set sent to a peer carries the number it
// stands at, so increments are the same bytes for all peers and a gap shows. Pure. Counterpart of
// remote-interest.ts on the other node.
import type { Chunks } from '@quorate/protocol'
import { encodeInterest, type InterestChange } from './interest-codec.ts'
import type { PeerTransport } from './peer-transport.ts'

/** Full sets are sent in parts of about this size, far below any frame limit. */
const partBytes = 128 * 1024
const sequenceMax = 2 ** 32 - 1

interface Counted {
  readonly pattern: string
  readonly queue: string | undefined
  /** Invariant: above 0 while in the map. */
  count: number
}

export function interestKey(pattern: string, queue: string | undefined): string {
  return queue === undefined ? pattern : `${pattern} ${queue}`
}

export class Interest {
  readonly #transport: PeerTransport
  readonly #wanted = new Map<string, Counted>()
  readonly #peers = new Set<string>()
  #sequence = 0

  constructor(transport: PeerTransport) {
    this.#transport = transport
  }

  get size(): number {
    return this.#wanted.size
  }

  add(pattern: string, queue: string | undefined): void {
    const key = interestKey(pattern, queue)
    const counted = this.#wanted.get(key)
    if (counted !== undefined) {
      counted.count += 1
      return
    }
    this.#wanted.set(key, { pattern, queue, count: 1 })
    this.#announce({ wanted: true, pattern, queue })
  }

  remove(pattern: string, queue: string | undefined): void {
    const key = interestKey(pattern, queue)
    const counted = this.#wanted.get(key)
    if (counted === undefined) throw new Error(`interest ${key} removed more often than added`)
    counted.count -= 1
    if (counted.count > 0) return
    this.#wanted.delete(key)
    this.#announce({ wanted: false, pattern, queue })
  }

  peerUp(node: string): void {
    this.#peers.add(node)
    this.sendAll(node)
  }

  peerDown(node: string): void {
    this.#peers.delete(node)
  }

  /** The whole set, which replaces what the peer has. */
  sendAll(node: string): void {
    if (!this.#peers.has(node)) return
    let kind: 'reset' | 'part' = 'reset'
    let changes: InterestChange[] = []
    let sizeBytes = 0
    const flush = (): void => {
      const bytes = encodeInterest({ kind, sequence: this.#sequence, changes })
      this.#transport.send(node, 'interest', bytes)
      kind = 'part'
      changes = []
      sizeBytes = 0
    }
    for (const { pattern, queue } of this.#wanted.values()) {
      changes.push({ wanted: true, pattern, queue })
      sizeBytes += pattern.length + (queue?.length ?? 0) + 8
      if (sizeBytes >= partBytes) flush()
    }
    if (changes.length > 0 || kind === 'reset') flush()
  }

  #announce(change: InterestChange): void {
    if (this.#sequence === sequenceMax) {
      this.#sequence = 0
      for (const node of this.#peers) this.sendAll(node)
      return
    }
    this.#sequence += 1
    if (this.#peers.size === 0) return
    const bytes: Chunks = encodeInterest({
      kind: 'change',
      sequence: this.#sequence,
      changes: [change],
    })
    for (const node of this.#peers) this.#transport.send(node, 'interest', bytes)
  }
}
