// The client a test or a process holds: the real one, of which every promise passes through the waits
// of who holds it. It is a proxy, so that whatever the client learns to do later works here at once.
import { Admin, Client, Producer, RecordStream, type TopicSummary } from '@quorate/client'

export interface ClientWatch {
  track<Result>(what: string, promise: Promise<Result>): Promise<Result>
  /** A topic of the cluster, with its id. */
  topic(topic: Pick<TopicSummary, 'topic' | 'topicId'>): void
}

const parts = [Client, Admin, Producer, RecordStream] as const

/** `name` says whose it is when somebody asks what is waited for. */
export function trackedClient(client: Client, name: string, watch: ClientWatch): Client {
  const proxies = new WeakMap<object, object>()

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
          const result: unknown = value.apply(target, given)
          if (key === 'createTopic') (result as Promise<TopicSummary>).then(watch.topic, () => {})
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
