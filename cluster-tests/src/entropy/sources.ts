// Everything a program can read that is not the same in each run, or on each machine: clocks, timers,
// turns, randomness, locale, garbage. As a list of what to put in place of each; guard.ts decides what
// that is.
import { createRequire, syncBuiltinESMExports } from 'node:module'

type Call = (...values: readonly unknown[]) => unknown
type Holder = Record<string, unknown>

/** Tells that the source of this name is read. */
export type Watch = (name: string) => void

const require = createRequire(import.meta.url)
const module_ = (name: string): Holder => require(name) as Holder
const world = globalThis as unknown as Holder

const turns = ['setTimeout', 'setInterval', 'setImmediate'] as const

/** Methods by the object that holds them. */
function methods(): readonly (readonly [
  where: string,
  holder: Holder,
  names: readonly string[],
])[] {
  const webCrypto = Object.getPrototypeOf(world['crypto']) as Holder
  const random = ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync']
  return [
    ['', world, [...turns, 'queueMicrotask']],
    ['Math', Math as unknown as Holder, ['random']],
    ['performance', Object.getPrototypeOf(world['performance']) as Holder, ['now']],
    ['process', process as unknown as Holder, ['hrtime', 'nextTick', 'uptime', 'cpuUsage', 'cwd']],
    ['crypto', webCrypto, ['getRandomValues', 'randomUUID']],
    ['node:crypto', module_('node:crypto'), random],
    ['node:timers', module_('node:timers'), turns],
    ['node:timers/promises', module_('node:timers/promises'), ['setTimeout', 'setImmediate']],
    ['String', String.prototype as unknown as Holder, ['localeCompare', 'toLocaleLowerCase']],
    ['Number', Number.prototype as unknown as Holder, ['toLocaleString']],
  ]
}

/** Puts a watched function in place of each source, before anybody can take hold of the true one. */
export function watchSources(watch: Watch): void {
  for (const [where, holder, names] of methods()) {
    for (const name of names) replace(holder, name, where === '' ? name : `${where}.${name}`, watch)
  }
  const { hrtime } = process
  hrtime.bigint = watched(hrtime.bigint as Call, 'process.hrtime.bigint', watch) as () => bigint
  for (const name of ['WeakRef', 'FinalizationRegistry']) {
    world[name] = constructed(world[name] as Constructor, name, watch, () => true)
  }
  // With arguments it only computes.
  world['Date'] = constructed(Date as unknown as Constructor, 'Date', watch, (values) => {
    return values.length === 0
  })
  for (const name of ['DateTimeFormat', 'NumberFormat', 'Collator']) {
    const holder = Intl as unknown as Holder
    const found = holder[name] as Constructor
    holder[name] = constructed(found, `Intl.${name}`, watch, () => true)
  }
  syncBuiltinESMExports()
}

type Constructor = new (...values: readonly unknown[]) => object

function replace(holder: Holder, name: string, title: string, watch: Watch): void {
  const value = watched(holder[name] as Call, title, watch)
  Object.defineProperty(holder, name, { value, configurable: true, writable: true })
}

function watched(call: Call, title: string, watch: Watch): Call {
  const substitute = function (this: unknown, ...values: readonly unknown[]): unknown {
    watch(title)
    return call.apply(this, values as unknown[])
  }
  // What hangs on the function, such as setTimeout's promisified form.
  return Object.defineProperties(substitute, Object.getOwnPropertyDescriptors(call))
}

function constructed(
  target: Constructor,
  title: string,
  watch: Watch,
  isRead: (values: readonly unknown[]) => boolean,
): Constructor {
  return new Proxy(target, {
    construct(of, values, newTarget) {
      if (isRead(values)) watch(`new ${title}`)
      return Reflect.construct(of, values, newTarget) as object
    },
    apply(of, receiver, values) {
      watch(title)
      return Reflect.apply(of as unknown as Call, receiver, values)
    },
    get(of, name) {
      const found: unknown = Reflect.get(of, name)
      return title === 'Date' && name === 'now' ? watched(found as Call, 'Date.now', watch) : found
    },
  })
}
