// The real clock, timers, turns and randomness. The only file of the client that touches them.
import { randomInt } from 'node:crypto'
import type { Host, Random, TimerHandle } from '@quorate/actors'

const longestTimerMs = 2 ** 31 - 1

export function nodeHost(): Host {
  return {
    monotonicMs: () => Math.floor(performance.now()),
    wallMs: () => Date.now(),
    // Above its bound setTimeout fires at once. Nobody here minds a timer that fires after 24 days.
    setTimer: (fire, delayMs) => setTimeout(fire, Math.min(delayMs, longestTimerMs)),
    clearTimer: (handle: TimerHandle) => clearTimeout(handle as NodeJS.Timeout),
    nextTurn: (run) => {
      setImmediate(run)
    },
  }
}

export function nodeRandom(): Random {
  return { integer: (_purpose, bound) => (bound === 1 ? 0 : randomInt(bound)) }
}
