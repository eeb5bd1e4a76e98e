import { describe, expect, test } from 'vitest'
import { recorder, world } from './support/world.ts'

describe('overflow', () => {
  test('a full mailbox refuses a send, says so, and loses nothing it accepted', () => {
    const { system, settle, records } = world()
    const seen: number[] = []
    const ref = system.spawn('a', () => recorder(seen), { capacity: 3 })
    const answers = [1, 2, 3, 4, 5].map((n) => ref.send(n))
    expect(answers).toEqual([true, true, true, false, false])
    expect(system.statistics.refused).toBe(2)
    expect(records.filter(({ kind }) => kind === 'overflow')).toMatchObject([
      { path: 'a', capacity: 3, message: 4 },
      { path: 'a', capacity: 3, message: 5 },
    ])
    settle()
    expect(seen).toEqual([1, 2, 3])
    expect(ref.send(6)).toBe(true)
  })

  test('messages to self count as much as those of others', () => {
    const { system, settle } = world()
    const answers: boolean[] = []
    const ref = system.spawn<string>(
      'a',
      () => ({
        receive(message, context) {
          if (message === 'go') for (let i = 0; i < 4; i += 1) answers.push(context.self.send('x'))
        },
      }),
      { capacity: 3 },
    )
    ref.send('go')
    ref.send('waits')
    settle()
    expect(answers).toEqual([true, true, false, false])
  })

  test('a reply is accepted by a full mailbox', () => {
    const { system, settle } = world()
    const seen: string[] = []
    const ref = system.spawn('a', () => recorder(seen), { capacity: 1 })
    expect(ref.send('request')).toBe(true)
    expect(ref.send('refused')).toBe(false)
    expect(ref.reply('completion')).toBe(true)
    settle()
    expect(seen).toEqual(['request', 'completion'])
  })

  test('fired timers and settled asks are accepted by a full mailbox', () => {
    const { simulation, system } = world()
    const seen: string[] = []
    const echo = system.spawn<{ replyTo: { send(text: string): boolean } }>('echo', () => ({
      receive: ({ replyTo }) => replyTo.send('echo'),
    }))
    const ref = system.spawn<string>(
      'a',
      () => ({
        started(context) {
          context.setTimer('t', 5, 'timer')
        },
        receive(message, context) {
          seen.push(message)
          if (message === 'go') {
            context.ask<{ replyTo: { send(text: string): boolean } }, string>(
              echo,
              (replyTo) => ({ replyTo }),
              100,
              () => 'settled',
            )
            context.self.send('filler')
          }
        },
      }),
      { capacity: 1 },
    )
    simulation.runUntil(4)
    ref.send('go')
    simulation.runUntil(10)
    expect(seen.sort()).toEqual(['filler', 'go', 'settled', 'timer'])
  })

  test('a capacity out of range is refused when the actor is spawned', () => {
    const { system } = world()
    for (const capacity of [0, -1, 1.5, Number.NaN, 1_000_001]) {
      expect(() => system.spawn('a', () => recorder([]), { capacity })).toThrow(RangeError)
    }
  })
})
