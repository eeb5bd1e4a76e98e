// What the clients of a test cluster were promised and what they read, as a history for the checkers of
// the laboratory. A send is known by its place once it is acknowledged: values of users may repeat. Only
// what holds of any program is judged: nobody must read everything, and many readers begin anywhere.
import { QuorateError, type TopicSummary } from '@quorate/protocol'
import type { AnomalyName } from '../laboratory/history/anomaly.ts'
import { checkHistory } from '../laboratory/history/check-history.ts'
import type { History } from '../laboratory/history/event.ts'
import { HistoryRecorder } from '../laboratory/history/recorder.ts'
import type { PromisedTopic } from './kept-promises.ts'

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

type Observed =
  | { readonly kind: 'send'; readonly send: Send }
  | { readonly kind: 'settled'; readonly send: Send; readonly timeMs: number }
  | {
      readonly kind: 'read'
      readonly reader: string
      readonly place: Place
      readonly timeMs: number
      readonly content: string
    }

interface Send {
  readonly producer: string
  readonly topic: string
  readonly value: string
  readonly timeMs: number
  outcome: 'acked' | 'failed' | 'unknown'
  partition: number
  offset: number
  /** See `contentOf`; undefined until its bytes are made. */
  content: string | undefined
}

/** True only of readers that read everything; kept-promises.ts judges the same by the disks. */
const notJudged: ReadonlySet<AnomalyName> = new Set(['lost-write', 'unseen'])

export class ObservedHistory {
  readonly #nowMs: () => number
  readonly #observed: Observed[] = []
  /** Topics that are judged. */
  readonly #topics = new Map<string, TopicSummary>()
  /** Names that were ever used, with the id of the first topic of that name. */
  readonly #created = new Map<string, number>()
  #sends = 0
  #names = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** For one more producer or reader of that client. */
  newName(client: string): string {
    this.#names += 1
    return `${client}/${this.#names}`
  }

  /** A name that is used again is not judged: the offsets of two topics cannot be told apart. */
  topicCreated(summary: TopicSummary): void {
    const { topic, topicId } = summary
    const first = this.#created.get(topic)
    if (first === undefined) this.#topics.set(topic, summary)
    else if (first !== topicId) this.#topics.delete(topic)
    this.#created.set(topic, first ?? topicId)
  }

  /** Somebody wants it deleted: what it held may be gone from now on. */
  topicDeleted(topic: string): void {
    this.#topics.delete(topic)
  }

  send(producer: string, topic: string): Send {
    this.#sends += 1
    const send: Send = {
      producer,
      topic,
      value: `send ${this.#sends}`,
      timeMs: this.#nowMs(),
      outcome: 'unknown',
      partition: -1,
      offset: -1,
      content: undefined,
    }
    this.#observed.push({ kind: 'send', send })
    return send
  }

  acked(send: Send, partition: number, offset: number): void {
    // An offset below 0: it is stored, and nobody knows any more where.
    if (offset >= 0) Object.assign(send, { outcome: 'acked', partition, offset })
    this.#observed.push({ kind: 'settled', send, timeMs: this.#nowMs() })
  }

  refused(send: Send, error: unknown): void {
    const certain = error instanceof QuorateError && error.outcome === 'not-applied'
    if (certain) send.outcome = 'failed'
    this.#observed.push({ kind: 'settled', send, timeMs: this.#nowMs() })
  }

  /** `content` is what the record must say to everybody who reads it. */
  read(reader: string, place: Place, content: string): void {
    this.#observed.push({ kind: 'read', reader, place, timeMs: this.#nowMs(), content })
  }

  /** Broken promises, in words. */
  violations(): string[] {
    const found = checkHistory(this.#history())
    return found
      .filter(({ name, severity }) => severity === 'fatal' && !notJudged.has(name))
      .map(({ name, text }) => `${name}: ${text}`)
  }

  /** What clients were promised about the records of each topic. */
  promises(): readonly PromisedTopic[] {
    return [...this.#topics.values()].map(({ topic, topicId, replicas }) => {
      const known = new Map<number, number>()
      const sends: Send[] = []
      const learn = ({ partition, offset }: Omit<Place, 'topic'>): void => {
        known.set(partition, Math.max(offset, known.get(partition) ?? -1))
      }
      for (const each of this.#observed) {
        if (each.kind === 'read' && each.place.topic === topic) learn(each.place)
        if (each.kind !== 'send' || each.send.topic !== topic) continue
        sends.push(each.send)
        if (each.send.outcome === 'acked') learn(each.send)
      }
      return { topic, topicId, replicas, sends, known }
    })
  }

  /** Topics that were made by a client, with all that was observed of them. */
  #history(): History {
    const topics = [...this.#topics.values()].map(({ topic, partitions }) => ({
      topic,
      partitions,
      dense: true,
    }))
    const setting = { source: 'simulation', topics, idempotent: true, retention: true }
    const recorder = new HistoryRecorder(setting)
    const values = this.#valuesByPlace()
    for (const [key, value] of values) {
      if (!value.startsWith('send ')) this.#addUnknown(recorder, key, value)
    }
    const indexes = new Map<Send, number>()
    for (const each of this.#observed) {
      const topic = each.kind === 'read' ? each.place.topic : each.send.topic
      if (this.#topics.has(topic)) this.#add(recorder, each, indexes, values)
    }
    return recorder
  }

  /** A record that was read and whose send nobody saw acknowledged: somebody has sent it. */
  #addUnknown(recorder: HistoryRecorder, key: string, value: string): void {
    const topic = key.slice(0, key.indexOf('/'))
    if (this.#topics.has(topic)) recorder.invoke('send', `of ${value}`, 0, { topic, value })
  }

  #add(
    recorder: HistoryRecorder,
    each: Observed,
    indexes: Map<Send, number>,
    values: ReadonlyMap<string, string>,
  ): void {
    if (each.kind === 'read') {
      const { reader, place, timeMs, content } = each
      const key = keyOf(place)
      const value = values.get(`${key} ${content}`) ?? values.get(key)!
      recorder.delivered(reader, timeMs, { records: [{ ...place, value }] })
      return
    }
    const { send } = each
    if (each.kind === 'send') {
      const { producer, topic, value, timeMs } = send
      // Of its own attempts a client may know nothing: such a send is no part of the history.
      if (send.outcome === 'acked') {
        indexes.set(send, recorder.invoke('send', producer, timeMs, { topic, value }))
      }
      return
    }
    const index = indexes.get(send)
    if (index === undefined) return
    const { partition, offset } = send
    recorder.ok('send', index, each.timeMs, { partition, offset })
  }

  /** Value at each place: of the send that was acknowledged there first, or of an unknown one. */
  #valuesByPlace(): Map<string, string> {
    const values = new Map<string, string>()
    const contents = new Map<string, string>()
    for (const each of this.#observed) {
      if (each.kind !== 'send' || each.send.outcome !== 'acked') continue
      const key = keyOf(each.send)
      if (!values.has(key)) values.set(key, each.send.value)
    }
    for (const each of this.#observed) {
      if (each.kind !== 'read') continue
      const key = keyOf(each.place)
      const known = contents.get(key)
      contents.set(key, known ?? each.content)
      if (!values.has(key)) values.set(key, `record ${key}`)
      // Another content at the same place: it must be another record.
      if (known !== undefined && known !== each.content) {
        values.set(`${key} ${each.content}`, `record ${key} as ${each.content}`)
      }
    }
    return values
  }
}

function keyOf({ topic, partition, offset }: Place): string {
  return `${topic}/${partition}@${offset}`
}
