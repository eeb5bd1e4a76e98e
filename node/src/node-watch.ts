// Looks at the node twice a second: a disk that does not sync must not lead, and peers compare clocks
// with it. An actor of its own, so that nothing here disturbs anybody else.
import type { Actor, ActorContext } from '@quorate/actors'
import { limits } from './limits.ts'

export interface Watched {
  /** Monotonic time since when a WAL write is outstanding. */
  walOutstandingSinceMs(): number | undefined
  /** Called at each look while the disk stalls. */
  handOver(): void
  tellTime(): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

const lookMs = 500
/** A write outstanding for longer than this is a disk that stalls. */
const stallMs = 2000
const looksPerTime = limits.maintainIntervalMs / lookMs

export class NodeWatch implements Actor<'look'> {
  readonly #watched: Watched
  #stalled = false
  #looks = 0

  constructor(watched: Watched) {
    this.#watched = watched
  }

  started(context: ActorContext<'look'>): void {
    context.setTimer('look', lookMs, 'look')
  }

  receive(_message: 'look', context: ActorContext<'look'>): void {
    context.setTimer('look', lookMs, 'look')
    this.#looks += 1
    if (this.#looks % looksPerTime === 0) this.#watched.tellTime()
    const sinceMs = this.#watched.walOutstandingSinceMs()
    const outstandingMs = sinceMs === undefined ? 0 : context.clock.monotonicMs() - sinceMs
    const stalled = outstandingMs > stallMs
    if (stalled !== this.#stalled) {
      this.#stalled = stalled
      this.#watched.event(stalled ? 'disk.stalled' : 'disk.syncing-again', { outstandingMs })
    }
    if (stalled) this.#watched.handOver()
  }
}
