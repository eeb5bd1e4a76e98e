// Tells of each look at a clock of the machine and of each draw of real randomness: what the global
// objects offer. Whose look it was is known in real-io-node.ts; what is read stays as it is.

/** Told before the real thing is read: what, and what to use instead. */
type Used = (what: string) => void

const clock = 'use `now` of its context'
const randomness = 'use `random` of its context'

let watchedDate: DateConstructor | undefined
let tell: Used = () => {}

/** From now on; again after a test runner has put another clock in the place. */
export function watchEntropy(used: Used): void {
  tell = used
  if (globalThis.Date === watchedDate) return
  const isFirst = watchedDate === undefined
  watchedDate = watchDate(globalThis.Date)
  globalThis.Date = watchedDate
  if (!isFirst) return
  watchMethod(Math, 'random', `Math.random(): ${randomness}`)
  watchMethod(performance, 'now', `performance.now(): ${clock}`)
  watchMethod(crypto, 'randomUUID', `crypto.randomUUID(): ${randomness}`)
  watchMethod(crypto, 'getRandomValues', `crypto.getRandomValues(): ${randomness}`)
}

function watchDate(real: DateConstructor): DateConstructor {
  const now = (): number => {
    tell(`Date.now(): ${clock}`)
    return real.now()
  }
  return new Proxy(real, {
    // Dates are of the real class, whichever of the two made them.
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    apply: () => {
      tell(`Date(): ${clock}`)
      return real()
    },
    construct: (target, given, made) => {
      if (given.length === 0) tell(`new Date(): ${clock}`)
      return Reflect.construct(target, given, made)
    },
  })
}

function watchMethod<Key extends string>(
  holder: { [Each in Key]: (...given: never[]) => unknown },
  key: Key,
  what: string,
): void {
  const real = holder[key] as (...given: unknown[]) => unknown
  const watched = (...given: unknown[]): unknown => {
    tell(what)
    return real.apply(holder, given)
  }
  Object.defineProperty(holder, key, { value: watched, configurable: true, writable: true })
}
