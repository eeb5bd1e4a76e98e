// Throws when anything that is not the same in each run is read while a simulation runs. To be put up
// before anything of the product is loaded: what a module takes hold of while it loads is guarded too.
// Remembers each leak, so that one that is caught and swallowed counts as well.
import { watchSources } from './sources.ts'

export interface Guard {
  /** Calls, with everything guarded. What the call schedules for later is a leak itself. */
  during<Result>(call: () => Result): Result
  /** What was read and from where: the stack, one line per leak. */
  readonly leaks: readonly string[]
}

const framesShown = 4
const leaksMax = 20

export function guardEntropy(): Guard {
  const leaks: string[] = []
  let armed = false
  watchSources((name) => {
    if (!armed) return
    const error = new Error(`entropy: ${name} was read in a simulation`)
    const frames = String(error.stack).split('\n').slice(1)
    const outside = frames.filter((frame) => !frame.includes('/src/entropy/'))
    const shown = outside.slice(0, framesShown).map((each) => each.trim())
    if (leaks.length < leaksMax) leaks.push([error.message, ...shown].join(' '))
    throw error
  })
  return {
    leaks,
    during: (call) => {
      armed = true
      try {
        return call()
      } finally {
        armed = false
      }
    },
  }
}
