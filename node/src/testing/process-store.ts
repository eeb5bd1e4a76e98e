// A small durable map on the machine of a user's process. A write is on disk at a moment of its own,
// and the process hears of it later: a crash may fall before, between and after. What is written in one
// call is written whole or not at all. Values are copied, as a database would.
import type { Host } from '@quorate/actors'

/** The durable map of a process; it survives crashes. Every call takes 2 to 6 ms of virtual time. */
export interface ProcessStore {
  /** The value as it was last written; `undefined` when there is none. */
  get<Value = unknown>(key: string): Promise<Value | undefined>
  /** Writes one value; `undefined` deletes. Resolves when it is durable. */
  set(key: string, value: unknown): Promise<void>
  /** Writes all values at once, as a transaction does: after a crash all are there or none. */
  write(changes: Readonly<Record<string, unknown>>): Promise<void>
  /** What is stored under keys that begin so, sorted by key. Default: everything. */
  entries<Value = unknown>(prefix?: string): Promise<readonly (readonly [string, Value])[]>
}

export interface StoreProcess {
  readonly host: Host
  /** Time of one half of an operation, in milliseconds. */
  delayMs(): number
  track<Result>(what: string, promise: Promise<Result>): Promise<Result>
}

/** What is on the disk: it belongs to the machine, not to one life of its process. */
export class StoredValues {
  readonly #values = new Map<string, unknown>()

  get(key: string): unknown {
    return structuredClone(this.#values.get(key))
  }

  write(changes: ReadonlyMap<string, unknown>): void {
    for (const [key, value] of changes) {
      if (value === undefined) this.#values.delete(key)
      else this.#values.set(key, value)
    }
  }

  entries(prefix: string): (readonly [string, unknown])[] {
    const keys = [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.map((key) => [key, this.get(key)] as const)
  }
}

/** The store as one life of the process holds it. */
export function processStore(values: StoredValues, around: StoreProcess): ProcessStore {
  const later = <Result>(what: string, effect: () => Result): Promise<Result> => {
    const { host } = around
    const done = new Promise<Result>((resolve) => {
      host.setTimer(() => {
        const result = effect()
        host.setTimer(() => resolve(result), around.delayMs())
      }, around.delayMs())
    })
    return around.track(what, done)
  }
  const write = (what: string, changes: Readonly<Record<string, unknown>>): Promise<void> => {
    // Copied now: what the caller changes afterwards is not written.
    const copy = new Map(Object.entries(structuredClone(changes)))
    return later(what, () => values.write(copy))
  }
  return {
    get: <Value>(key: string) =>
      later(`store.get(${key})`, () => values.get(key)) as Promise<Value | undefined>,
    set: (key, value) => write(`store.set(${key})`, { [key]: value }),
    write: (changes) => write('store.write', changes),
    entries: <Value>(prefix = '') =>
      later('store.entries', () => values.entries(prefix)) as Promise<
        readonly (readonly [string, Value])[]
      >,
  }
}
