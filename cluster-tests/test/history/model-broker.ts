// A broker that keeps its promises, driven by drawn choices: sends take effect at some moment between
// call and answer, or later, or never; readers follow the logs or are sent elsewhere; ends and
// registers answer from one moment inside their call; old records may go. Everything that its clients
// see is written down, so the history is legal whatever the choices are.
import { HistoryRecorder } from 'quorate/laboratory'

/** What to do, and two numbers for what it needs. */
export type Choice = readonly [action: number, first: number, second: number]

export interface World {
  readonly dense: boolean
  readonly retention: boolean
}

interface Stored {
  readonly offset: number
  readonly value: string
  readonly key: string | undefined
}

interface Sending {
  readonly index: number
  readonly process: string
  readonly value: string
  readonly key: string | undefined
  readonly partition: number
  offset: number | undefined
  answered: 'no' | 'acked' | 'failed' | 'unknown'
  /** A later one of the same process was stored first: its place is promised to nobody. */
  overtaken: boolean
}

interface Log {
  stored: Stored[]
  next: number
  start: number
}

type Calling =
  | { readonly kind: 'end'; readonly index: number; readonly partition: number; seen?: number }
  | { readonly kind: 'read'; readonly index: number; seen?: boolean | null }
  | { readonly kind: 'write'; readonly index: number; readonly to: boolean; done?: boolean }

const topic = 't'
const partitions = 2

export class ModelBroker {
  readonly history: HistoryRecorder
  readonly #world: World
  readonly #logs: Log[] = Array.from({ length: partitions }, () => ({
    stored: [],
    next: 0,
    start: 0,
  }))
  readonly #sends: Sending[] = []
  readonly #calls: Calling[] = []
  /** By reader: offset of what it gets next. */
  readonly #readers = new Map<string, number[]>()
  #register: boolean | null = null
  #timeMs = 0

  constructor(world: World) {
    this.#world = world
    const { dense, retention } = world
    const topics = [{ topic, partitions, ...(dense ? { dense } : {}) }]
    this.history = new HistoryRecorder({ source: 'model', topics, idempotent: true, retention })
  }

  run(choices: readonly Choice[]): HistoryRecorder {
    for (const [action, first, second] of choices) {
      this.#timeMs += second % 2
      const act = this.#actions[action % this.#actions.length]!
      act(first, second)
    }
    this.#readBack()
    return this.history
  }

  readonly #actions: readonly ((first: number, second: number) => void)[] = [
    (first, second) => this.#begin(first, second),
    (first, second) => this.#begin(first, second),
    (first, second) => this.#store(first, second),
    (first, second) => this.#store(first, second),
    (first, second) => this.#store(first, second),
    (first, second) => this.#answer(first, second),
    (first, second) => this.#answer(first, second),
    (first, second) => this.#poll(first, second),
    (first, second) => this.#poll(first, second),
    (first, second) => this.#assign(first, second),
    (first, second) => this.#call(first, second),
    (first, second) => this.#goOn(first, second),
    (first, second) => this.#goOn(first, second),
    (first, second) => this.#retire(first, second),
  ]

  #begin(first: number, second: number): void {
    const process = `producer-${first % 3}`
    const value = `v${this.#sends.length}`
    const key = second % 3 === 0 ? undefined : `k${second % 5}`
    // A key is always in one partition.
    const partition = key === undefined ? second % partitions : (second % 5) % partitions
    const sent = { topic, value, ...(key === undefined ? { partition } : { key }) }
    const index = this.history.invoke('send', process, this.#timeMs, sent)
    const unanswered = { offset: undefined, answered: 'no', overtaken: false } as const
    this.#sends.push({ index, process, value, key, partition, ...unanswered })
  }

  #store(first: number, second: number): void {
    const waiting = this.#sends.filter((send) => canBeStored(send))
    const send = waiting[first % waiting.length]
    if (send === undefined) return
    const log = this.#logs[send.partition]!
    send.offset = log.next
    log.next += this.#world.dense ? 1 : 1 + (second % 3)
    log.stored.push({ offset: send.offset, value: send.value, key: send.key })
    for (const other of waiting) {
      const isEarlier = other.index < send.index && other.process === send.process
      if (isEarlier && other.partition === send.partition) other.overtaken = true
    }
  }

  #answer(first: number, second: number): void {
    const open = this.#sends.filter(({ answered }) => answered === 'no')
    const send = open[first % open.length]
    if (send === undefined) return
    const { index, partition, offset } = send
    if (second % 4 === 0 || (offset !== undefined && send.overtaken)) {
      send.answered = 'unknown'
      this.history.info(index, this.#timeMs)
    } else if (offset === undefined) {
      send.answered = 'failed'
      this.history.fail(index, this.#timeMs)
    } else {
      send.answered = 'acked'
      this.history.ok('send', index, this.#timeMs, { partition, offset })
    }
  }

  #poll(first: number, second: number): void {
    const reader = `reader-${first % 2}`
    const places = this.#readers.get(reader) ?? this.#logs.map(({ start }) => start)
    this.#readers.set(reader, places)
    const partition = second % partitions
    const place = Math.max(places[partition]!, this.#logs[partition]!.start)
    // What retention took from under a reader is told it: it is assigned anew.
    if (place !== places[partition]) this.#place(reader, partition, place)
    const most = 1 + (second % 4)
    const found = this.#logs[partition]!.stored.filter(({ offset }) => offset >= place)
    const got = found.slice(0, most)
    if (got.length > 0) places[partition] = got.at(-1)!.offset + 1
    this.history.delivered(reader, this.#timeMs, {
      records: got.map(({ offset, value, key }) => ({
        ...{ topic, partition, offset, value },
        ...(key === undefined ? {} : { key }),
      })),
    })
  }

  #assign(first: number, second: number): void {
    const partition = second % partitions
    const { start, next } = this.#logs[partition]!
    this.#place(`reader-${first % 2}`, partition, start + (second % (next - start + 1)))
  }

  #place(reader: string, partition: number, offset: number): void {
    const places = this.#readers.get(reader) ?? this.#logs.map(({ start }) => start)
    this.#readers.set(reader, places)
    places[partition] = offset
    const positions = [{ topic, partition, offset }]
    this.history.invoke('assign', reader, this.#timeMs, { positions })
  }

  #call(first: number, second: number): void {
    // More at a time would make the search for an order long.
    if (this.#calls.length >= 6) return
    const process = `caller-${first % 3}`
    const invoke = this.history.invoke.bind(this.history)
    const register = 'r'
    if (second % 3 === 0) {
      const partition = first % partitions
      const index = invoke('end', process, this.#timeMs, { topic, partition })
      this.#calls.push({ kind: 'end', index, partition })
    } else if (second % 3 === 1) {
      const index = invoke('register', process, this.#timeMs, { register, do: 'read' })
      this.#calls.push({ kind: 'read', index })
    } else {
      const to = first % 2 === 0
      const index = invoke('register', process, this.#timeMs, { register, do: 'write', to })
      this.#calls.push({ kind: 'write', index, to })
    }
  }

  /** A call takes effect; when it has, it is answered. */
  #goOn(first: number, second: number): void {
    const at = first % Math.max(this.#calls.length, 1)
    const call = this.#calls[at]
    if (call === undefined) return
    if (call.kind === 'write') {
      if (call.done !== true) {
        if (second % 5 !== 0) this.#register = call.to
        call.done = second % 5 !== 0
        if (call.done) return
        this.history.fail(call.index, this.#timeMs)
      } else this.history.ok('register', call.index, this.#timeMs, {})
    } else if (call.seen === undefined) {
      if (call.kind === 'end') call.seen = this.#logs[call.partition]!.next
      else call.seen = this.#register
      return
    } else if (call.kind === 'end') {
      this.history.ok('end', call.index, this.#timeMs, { offset: call.seen })
    } else this.history.ok('register', call.index, this.#timeMs, { value: call.seen })
    this.#calls.splice(at, 1)
  }

  #retire(first: number, second: number): void {
    if (!this.#world.retention || second % 4 !== 0) return
    const log = this.#logs[first % partitions]!
    log.start += Math.floor((log.next - log.start) / 2)
    log.stored = log.stored.filter(({ offset }) => offset >= log.start)
  }

  #readBack(): void {
    const positions = this.#logs.map(({ start: offset }, partition) => ({
      topic,
      partition,
      offset,
    }))
    const of = this.history.invoke('assign', 'final', this.#timeMs, { positions, final: true })
    for (const [partition, { stored }] of this.#logs.entries()) {
      const records = stored.map(({ offset, value, key }) => ({
        ...{ topic, partition, offset, value },
        ...(key === undefined ? {} : { key }),
      }))
      this.history.delivered('final', this.#timeMs, { records })
    }
    this.history.ok('assign', of, this.#timeMs, {})
  }
}

/** Not there yet, and not said to have failed. */
function canBeStored({ offset, answered }: Sending): boolean {
  return offset === undefined && (answered === 'no' || answered === 'unknown')
}
