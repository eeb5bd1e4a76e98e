import { describe, expect, test } from 'vitest'
import type { ActorRef } from '../src/index.ts'
import { type World, world } from './support/world.ts'

interface Question {
  readonly replyTo: ActorRef<string>
}

/** Asks `ref` once with a deadline of 50 ms and writes down the outcome and its time. */
function asker(ref: (made: World) => ActorRef<Question>) {
  const made = world()
  const outcomes: string[] = []
  const target = ref(made)
  made.system.spawn<string>('asker', () => ({
    started(context) {
      context.ask<Question, string>(
        target,
        (replyTo) => ({ replyTo }),
        50,
        (outcome) => (outcome === 'deadline-exceeded' ? outcome : `reply ${outcome.reply}`),
      )
    },
    receive: (message) => void outcomes.push(`${message}@${made.simulation.nowMs}`),
  }))
  return { ...made, outcomes }
}

describe('ask', () => {
  test('the reply arrives as one message, and later replies are refused', () => {
    const answers: boolean[] = []
    const { simulation, system, outcomes } = asker(({ system: own }) =>
      own.spawn<Question>('echo', () => ({
        receive({ replyTo }) {
          answers.push(replyTo.send('first'), replyTo.send('second'), replyTo.reply('third'))
        },
      })),
    )
    simulation.runUntil(1_000)
    expect(outcomes).toEqual(['reply first@0'])
    expect(answers).toEqual([true, false, false])
    expect(system.statistics.timers).toBe(0)
  })

  test('without a reply the deadline arrives, and a reply after it is refused', () => {
    let late: ActorRef<string> | undefined
    const { simulation, outcomes } = asker(({ system }) =>
      system.spawn<Question>('slow', () => ({
        receive({ replyTo }) {
          late = replyTo
        },
      })),
    )
    simulation.runUntil(1_000)
    expect(outcomes).toEqual(['deadline-exceeded@50'])
    expect(late?.send('too late')).toBe(false)
    simulation.runUntil(2_000)
    expect(outcomes).toHaveLength(1)
  })

  test('a refused request ends at the deadline', () => {
    const { simulation, outcomes } = asker(({ system }) => {
      const gone = system.spawn<Question>('gone', () => ({ receive: () => {} }))
      system.stop(gone)
      return gone
    })
    simulation.runUntil(1_000)
    expect(outcomes).toEqual(['deadline-exceeded@50'])
  })

  test('an open question can be found by its path, a settled one cannot', () => {
    let path = ''
    const { simulation, system, outcomes } = asker(({ system: own }) =>
      own.spawn<Question>('far', () => ({
        receive({ replyTo }) {
          path = replyTo.path
        },
      })),
    )
    simulation.runUntil(10)
    expect(path).toBe('asker#1')
    expect(system.find<string>(path)?.reply('by path')).toBe(true)
    expect(system.find(path)).toBeUndefined()
    simulation.runUntil(1_000)
    expect(outcomes).toEqual(['reply by path@10'])
  })

  test('an asker that stops receives nothing, and its questions refuse replies', () => {
    let held: ActorRef<string> | undefined
    const { simulation, system, outcomes } = asker(({ system: own }) =>
      own.spawn<Question>('holder', () => ({
        receive({ replyTo }) {
          held = replyTo
        },
      })),
    )
    simulation.runUntil(10)
    const self = system.find('asker')
    if (self !== undefined) system.stop(self)
    expect(held?.send('to nobody')).toBe(false)
    simulation.runUntil(1_000)
    expect(outcomes).toEqual([])
  })
})
