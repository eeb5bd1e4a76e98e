// The one queue of a simulation: a binary heap ordered by time, then class, then order of arrival.
// The order is total, so two runs that add the same events take them out alike.

export interface SimulatedEvent {
  atMs: number
  /** Among events of one moment lower classes come first. */
  readonly eventClass: number
  sequence: number
  /** Absent once cancelled; a cancelled event is skipped when it surfaces. */
  run: (() => void) | undefined
  /** Whose event it is: nothing of a crashed owner runs. */
  readonly owner: EventOwner | undefined
}

export interface EventOwner {
  readonly crashed: boolean
  /** A paused process: its events are given to `hold` instead of being run. */
  readonly paused: boolean
  hold(event: SimulatedEvent): void
}

export class EventQueue {
  private readonly heap: SimulatedEvent[] = []

  get size(): number {
    return this.heap.length
  }

  peek(): SimulatedEvent | undefined {
    return this.heap[0]
  }

  push(event: SimulatedEvent): void {
    const { heap } = this
    let position = heap.length
    while (position > 0) {
      const parentPosition = (position - 1) >> 1
      const parent = heap[parentPosition]!
      if (!before(event, parent)) break
      heap[position] = parent
      position = parentPosition
    }
    heap[position] = event
  }

  pop(): SimulatedEvent | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let position = 0
    for (;;) {
      let child = 2 * position + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
      if (!before(heap[child]!, last)) break
      heap[position] = heap[child]!
      position = child
    }
    heap[position] = last
    return first
  }
}

function before(a: SimulatedEvent, b: SimulatedEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  if (a.eventClass !== b.eventClass) return a.eventClass < b.eventClass
  return a.sequence < b.sequence
}
