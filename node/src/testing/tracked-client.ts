// The client a test or a process holds: the real one, of which every promise passes through the waits
// of who holds it. It is a proxy, so that whatever the client learns to do later works here at once.
import {
  Admin,
  Client,
  Producer,
  RecordStream,
  type SendOptions,
  type SendResult,
  type StreamRecord,
  type Topic,
  type TopicSummary,
} from '@quorate/client'
import type { ObservedHistory } from './observed-history.ts'
import { contentOf } from './stored-records.ts'

export interface ClientWatch {
  track<Result>(what: string, promise: Promise<Result>): Promise<Result>
  /** A topic of the cluster, with its id. */
  topic(topic: TopicSummary): void
  readonly history: ObservedHistory
}

/** Values of any topic. */
type SendCall = [topic: Topic<unknown>, value: unknown, options?: SendOptions]

const parts = [Client, Admin, Producer, RecordStream] as const

/** `name` says whose it is when somebody asks what is waited for. */
export function trackedClient(client: Client, name: string, watch: ClientWatch): Client {
  const proxies = new WeakMap<object, object>()

  const { history } = watch
  const names = new Map<object, string>()
  const topics = new Map<object, string>()
  const nameOf = (part: object): string => {
    const known = names.get(part) ?? history.newName(name)
    names.set(part, known)
    return known
  }

  /** Notes what the client is promised and what it reads. */
  const observe = (part: object, key: PropertyKey, given: unknown[], result: unknown): void => {
    if (result instanceof RecordStream) topics.set(result, nameOfTopic(given[0]))
    else if (part instanceof Admin && key === 'createTopic') {
      ;(result as Promise<TopicSummary>).then(watch.topic, () => {})
    } else if (part instanceof RecordStream && key === 'next') {
      ;(result as Promise<IteratorResult<StreamRecord<unknown>, undefined>>).then(
        ({ value }) => {
          if (value === undefined) return
          const { partition, offset, key: recordKey, timestamp } = value
          const place = { topic: topics.get(part)!, partition, offset }
          history.read(nameOf(part), place, `${recordKey} ${timestamp.getTime()}`)
        },
        () => {},
      )
    }
  }

  const tracked = <Part extends object>(part: Part, path: string): Part => {
    const known = proxies.get(part) as Part | undefined
    if (known !== undefined) return known
    const proxy: Part = new Proxy(part, {
      get: (target, key) => {
        // Getters and methods reach private fields: they must see the object itself.
        const value: unknown = Reflect.get(target, key, target)
        const call = `${path}.${String(key)}`
        if (typeof value !== 'function') return wrapped(value, call)
        return (...given: unknown[]): unknown => {
          if (target instanceof Producer && key === 'send') {
            const noted = history.send(nameOf(target), nameOfTopic(given[0]))
            return wrapped(observedSend(target, given as SendCall, history, noted), call)
          }
          if (target instanceof Admin && key === 'deleteTopic') {
            history.topicDeleted(nameOfTopic(given[0]))
          }
          const result: unknown = value.apply(target, given)
          observe(target, key, given, result)
          return wrapped(result, call)
        }
      },
    })
    proxies.set(part, proxy)
    return proxy
  }

  const wrapped = (value: unknown, path: string): unknown => {
    if (value instanceof Promise) return watch.track(path, value)
    const part = parts.find((each) => value instanceof each)
    return part === undefined ? value : tracked(value as object, path)
  }

  return tracked(client, name)
}

/** A send, noted with the bytes that it stores and with what becomes of it. */
function observedSend(
  producer: Producer,
  [topic, value, options]: SendCall,
  history: ObservedHistory,
  noted: ReturnType<ObservedHistory['send']>,
): Promise<SendResult> {
  const shown = withCodec(topic, (bytes) => {
    noted.content = contentOf(bytes)
  })
  const result = producer.send(shown, value, options)
  result.then(
    ({ partition, offset }) => history.acked(noted, partition, offset),
    (error: unknown) => history.refused(noted, error),
  )
  return result
}

function nameOfTopic(given: unknown): string {
  return typeof given === 'string' ? given : ((given as { name?: string } | null)?.name ?? '')
}

/** The same topic, whose codec shows what it makes of a value. */
function withCodec(topic: Topic<unknown>, show: (bytes: Uint8Array) => void): Topic<unknown> {
  const codec = (topic as Topic<unknown> | undefined)?.codec
  if (codec === undefined) return topic
  const showing: typeof codec = {
    encode: (value) => {
      const bytes = codec.encode(value)
      show(bytes)
      return bytes
    },
    decode: (bytes) => codec.decode(bytes),
  }
  return Object.create(topic, { codec: { value: showing } }) as Topic<unknown>
}
