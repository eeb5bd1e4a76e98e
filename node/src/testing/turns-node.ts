// The real turns of the event loop, the real clock and the real seed: what a test cluster needs of the
// machine it runs on. Nothing here reaches the simulation: the same seed gives the same run however
// slow these are. The next stop is driver.ts.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomInt } from 'node:crypto'

export interface Turns {
  /** Runs when every promise that can settle without IO or timers has settled. */
  whenQuiet(run: () => void): void
  /** Runs after that much real time. */
  after(realMs: number, run: () => void): void
  realMs(): number
}

/** Turns belong to nobody, also when a process of the user has caused them. */
const outside = AsyncLocalStorage.snapshot()

// Taken now: a test that puts fake timers in their place later must not stop the simulation.
const turn = setImmediate
const timer = setTimeout
const clockMs = performance.now.bind(performance)

export const nodeTurns: Turns = {
  // All microtasks run before the next turn, those included that they add.
  whenQuiet: (run) => outside(() => turn(run)),
  after: (realMs, run) => outside(() => timer(run, realMs)),
  realMs: () => clockMs(),
}

export function drawSeed(): number {
  return randomInt(2 ** 32)
}

/** For what a person should see whether the test passes or not. */
export function print(line: string): void {
  process.stderr.write(`${line}\n`)
}
