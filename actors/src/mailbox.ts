// A first-in first-out ring of messages with a bound, and beside it what its owner sent to itself,
// which joins the end of the ring when the owner's next slot begins. It decides only whether it is
// full; it knows nothing of actors, turns or supervision. Previous stop of a message: ref.ts; next: cell.ts.

const smallestRing = 16
/** Waiting messages from which on a simulation may have the mailbox refuse more. */
const busyMessages = 8
/** A drained ring longer than this is given back, so that one burst does not pin memory for ever. */
const largestKeptRing = 1_024

export class Mailbox {
  readonly capacity: number
  /** Invariant: its length is a power of two, so that a position wraps by a mask. */
  private ring: unknown[] = new Array(smallestRing)
  private mask = smallestRing - 1
  private head = 0
  private later: unknown[] = []
  /** Messages in the ring. */
  size = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get waiting(): number {
    return this.size + this.later.length
  }

  /** Enough wait that nobody may count on room for more. */
  get busy(): boolean {
    return this.waiting >= busyMessages
  }

  /** Whoever heeds this before each `push` keeps at most `capacity` messages waiting. */
  get full(): boolean {
    return this.size + this.later.length >= this.capacity
  }

  push(message: unknown): void {
    if (this.size > this.mask) this.grow()
    this.ring[(this.head + this.size) & this.mask] = message
    this.size += 1
  }

  /** Puts the message behind everything that arrives before the next `bringIn`. */
  pushLater(message: unknown): void {
    this.later.push(message)
  }

  bringIn(): void {
    if (this.later.length === 0) return
    for (const message of this.later) this.push(message)
    this.later = []
  }

  /** The oldest message. Must not be called when `size` is 0. */
  shift(): unknown {
    const message = this.ring[this.head]
    this.ring[this.head] = undefined
    this.head = (this.head + 1) & this.mask
    this.size -= 1
    if (this.size === 0 && this.mask >= largestKeptRing) this.reset()
    return message
  }

  clear(): void {
    this.later = []
    this.reset()
  }

  private reset(): void {
    this.ring = new Array(smallestRing)
    this.mask = smallestRing - 1
    this.head = 0
    this.size = 0
  }

  private grow(): void {
    const larger: unknown[] = new Array(this.ring.length * 2)
    for (let i = 0; i < this.size; i += 1) larger[i] = this.ring[(this.head + i) & this.mask]
    this.ring = larger
    this.mask = larger.length - 1
    this.head = 0
  }
}
