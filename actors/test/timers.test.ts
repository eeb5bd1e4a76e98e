import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ActorContext } from '../src/index.ts'
import { Simulation } from '../src/testing/index.ts'
import { Timer, Timers } from '../src/timers.ts'
import { world } from './support/world.ts'

class Probe extends Timer {
  readonly name: number
  readonly fired: (name: number) => void

  constructor(name: number, fired: (name: number) => void) {
    super()
    this.name = name
    this.fired = fired
  }

  override fire(): void {
    this.fired(this.name)
  }
}

/** An actor whose messages are instructions; it writes down when each timer arrives. */
function scripted(run: (context: ActorContext<string>) => void) {
  const made = world()
  const seen: string[] = []
  made.system.spawn<string>('a', () => ({
    started: run,
    receive: (message) => void seen.push(`${message}@${made.simulation.nowMs}`),
  }))
  return { ...made, seen }
}

describe('timers', () => {
  test('a timer fires once, after its delay', () => {
    const { simulation, seen } = scripted((context) => context.setTimer('t', 25, 'fired'))
    simulation.runUntil(1_000)
    expect(seen).toEqual(['fired@25'])
  })

  test('setting a timer again replaces it, earlier or later', () => {
    const { simulation, seen } = scripted((context) => {
      context.setTimer('later', 10, 'old')
      context.setTimer('later', 30, 'later')
      context.setTimer('earlier', 30, 'old')
      context.setTimer('earlier', 10, 'earlier')
    })
    simulation.runUntil(1_000)
    expect(seen).toEqual(['earlier@10', 'later@30'])
  })

  test('a cancelled or replaced timer is never received, even when it has fired already', () => {
    const { simulation, system } = world()
    const seen: string[] = []
    const ref = system.spawn<string>('a', () => ({
      started(context) {
        context.setTimer('cancelled', 10, 'cancelled')
        context.setTimer('replaced', 10, 'old')
      },
      receive(message, context) {
        seen.push(`${message}@${simulation.nowMs}`)
        if (message !== 'now') return
        context.cancelTimer('cancelled')
        context.setTimer('replaced', 5, 'new')
      },
    }))
    // Fault events come before timers of the same moment: the message waits in front of them.
    simulation.at(10, 0, () => ref.send('now'))
    simulation.runUntil(100)
    expect(seen).toEqual(['now@10', 'new@15'])
  })

  test('timers due at one moment arrive in the order they were armed', () => {
    const { simulation, seen } = scripted((context) => {
      context.setTimer('c', 5, 'c')
      context.setTimer('a', 10, 'a')
      context.setTimer('b', 10, 'b')
      context.setTimer('c', 10, 'c')
    })
    simulation.runUntil(100)
    expect(seen).toEqual(['a@10', 'b@10', 'c@10'])
  })

  test('a delay of zero lets the messages that wait go first, and a bad delay is a failure', () => {
    const { simulation, seen, records } = scripted((context) => {
      context.setTimer('t', 0, 'timer')
      context.self.send('message')
      expect(() => context.setTimer('bad', Number.NaN, 'x')).toThrow(RangeError)
      expect(() => context.setTimer('bad', -1, 'x')).toThrow(RangeError)
    })
    simulation.runUntil(100)
    expect(seen).toEqual(['message@0', 'timer@0'])
    expect(records.some(({ kind }) => kind === 'failed')).toBe(false)
  })

  test('pushing a timer out again and again asks the host for nothing', () => {
    const simulation = new Simulation('re-arm')
    const host = simulation.host('h')
    let asked = 0
    const setTimer = host.setTimer.bind(host)
    host.setTimer = (fire, delayMs) => {
      asked += 1
      return setTimer(fire, delayMs)
    }
    const timers = new Timers(host)
    const fired: number[] = []
    const timer = new Probe(0, () => fired.push(simulation.nowMs))
    for (let i = 0; i < 1_000; i += 1) {
      timers.arm(timer, 600)
      simulation.runUntil(simulation.nowMs + 1)
    }
    expect(fired).toEqual([])
    expect(asked).toBeLessThanOrEqual(3)
    simulation.runUntil(10_000)
    expect(fired).toEqual([1_599])
  })

  test('a delay beyond what real timers can wait still fires at its time', () => {
    const simulation = new Simulation('long')
    const timers = new Timers(simulation.host('h'))
    const fired: number[] = []
    const delayMs = 2 ** 31 * 3
    timers.arm(new Probe(0, () => fired.push(simulation.nowMs)), delayMs)
    simulation.runUntil(delayMs - 1)
    expect(fired).toEqual([])
    simulation.runUntil(delayMs)
    expect(fired).toEqual([delayMs])
  })

  test('any sequence of arming, moving and cancelling fires as a sorted list would', () => {
    const step = fc.record({
      waitMs: fc.nat({ max: 5 }),
      timer: fc.nat({ max: 6 }),
      delayMs: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const simulation = new Simulation('model')
        const timers = new Timers(simulation.host('h'))
        const fired: string[] = []
        const expected: { at: number; order: number; name: number }[] = []
        const note = (name: number) => fired.push(`${name}@${simulation.nowMs}`)
        const probes = Array.from({ length: 7 }, (_, name) => new Probe(name, note))
        let order = 0
        for (const { waitMs, timer, delayMs } of steps) {
          simulation.runUntil(simulation.nowMs + waitMs)
          const now = simulation.nowMs
          const index = expected.findIndex(({ name, at }) => name === timer && at > now)
          // What is due at this very moment has fired: runUntil includes its end.
          if (index >= 0) expected.splice(index, 1)
          if (delayMs === undefined) timers.cancel(probes[timer]!)
          else {
            timers.arm(probes[timer]!, delayMs + 1)
            expected.push({ at: now + delayMs + 1, order, name: timer })
            order += 1
          }
        }
        simulation.runUntil(simulation.nowMs + 100)
        expected.sort((a, b) => a.at - b.at || a.order - b.order)
        expect(fired).toEqual(expected.map(({ at, name }) => `${name}@${at}`))
        expect(timers.size).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
