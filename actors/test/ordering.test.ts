import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ActorRef, ActorSystem } from '../src/index.ts'
import { Simulation } from '../src/testing/index.ts'
import { recorder, world } from './support/world.ts'

describe('order and turns', () => {
  test('sends and replies of one sender arrive in the order they were made', () => {
    const { system, settle } = world()
    const seen: number[] = []
    const ref = system.spawn('a', () => recorder(seen))
    for (let i = 0; i < 200; i += 1) {
      if (i % 3 === 0) ref.reply(i)
      else ref.send(i)
    }
    settle()
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  test('a send never runs the receiver before it returns', () => {
    const { system, settle } = world()
    const events: string[] = []
    const b = system.spawn<string>('b', () => ({ receive: () => events.push('b received') }))
    system.spawn<string>('a', () => ({
      started: () => {
        b.send('x')
        events.push('a returned')
      },
      receive: () => {},
    }))
    settle()
    expect(events).toEqual(['a returned', 'b received'])
  })

  test('an actor takes at most 64 messages while another one is ready', () => {
    const { system, settle } = world()
    const seen: string[] = []
    const a = system.spawn<number>('a', () => ({ receive: () => seen.push('a') }))
    const b = system.spawn<number>('b', () => ({ receive: () => seen.push('b') }))
    for (let i = 0; i < 100; i += 1) a.send(i)
    b.send(0)
    settle()
    expect(seen.indexOf('b')).toBe(64)
    expect(seen).toHaveLength(101)
  })

  test('a message to self comes after everything that ready actors send it', () => {
    const { system, settle } = world()
    const batches: number[][] = []
    let gathered: number[] = []
    const link = system.spawn<number | 'flush'>('link', () => ({
      receive(message, context) {
        if (message === 'flush') {
          batches.push(gathered)
          gathered = []
          return
        }
        if (gathered.length === 0) context.self.send('flush')
        gathered.push(message)
      },
    }))
    const groups: ActorRef<number>[] = []
    for (let i = 0; i < 5; i += 1) {
      const group = system.spawn<number>(`g${i}`, () => ({ receive: (n) => link.send(n) }))
      groups.push(group)
    }
    settle()
    // The link is ready before the groups, and still its flush comes after what they send it.
    link.send(99)
    for (const [i, group] of groups.entries()) group.send(i)
    settle()
    expect(batches).toEqual([[99, 0, 1, 2, 3, 4]])
  })

  test('a turn ends after its bound, and one turn is asked for at a time', () => {
    let requested: (() => void)[] = []
    const simulation = new Simulation('turns')
    const host = simulation.host('counted')
    host.nextTurn = (run) => requested.push(run)
    const counted = new ActorSystem({
      name: 'counted',
      host,
      random: simulation.random,
      turnMessages: 10,
    })
    const seen: number[] = []
    const a = counted.spawn<number>('a', () => recorder(seen))
    const b = counted.spawn<number>('b', () => recorder(seen))
    for (let i = 0; i < 12; i += 1) {
      a.send(i)
      b.send(i)
    }
    const perTurn: number[] = []
    while (requested.length > 0) {
      expect(requested).toHaveLength(1)
      const [run] = requested
      requested = []
      const before = seen.length
      run?.()
      perTurn.push(seen.length - before)
    }
    expect(perTurn).toEqual([10, 10, 4])
    expect(counted.idle).toBe(true)
  })

  test('a turn of heavy messages ends by time, before input and output have to wait long', () => {
    const simulation = new Simulation('heavy')
    const host = simulation.host('heavy')
    let nowMs = 0
    host.monotonicMs = () => nowMs
    const system = new ActorSystem({ name: 'n1', host, random: simulation.random, turnMs: 10 })
    const perTurn: number[] = []
    const heavy = () => ({
      receive() {
        perTurn.push((perTurn.pop() ?? 0) + 1)
        nowMs += 1
      },
    })
    const a = system.spawn<number>('a', heavy)
    const b = system.spawn<number>('b', heavy)
    for (let i = 0; i < 100; i += 1) {
      a.send(i)
      b.send(i)
    }
    while (!system.idle) {
      perTurn.push(0)
      simulation.step()
    }
    expect(perTurn).toEqual([64, 64, 72])
  })

  test('every sender keeps its own order under any interleaving', () => {
    const send = fc.record({ from: fc.nat({ max: 3 }), to: fc.nat({ max: 2 }) })
    fc.assert(
      fc.property(
        fc.array(send, { maxLength: 400, size: 'max' }),
        fc.integer({ min: 1, max: 50 }),
        (sends, turnMessages) => {
          const { system, settle } = world({ turnMessages })
          const seen: { from: number; n: number }[][] = [[], [], []]
          const receivers = seen.map((list, i) => system.spawn(`r${i}`, () => recorder(list)))
          const senders = [0, 1, 2, 3].map((from) =>
            system.spawn<{ to: number; n: number }>(`s${from}`, () => ({
              receive: ({ to, n }) => receivers[to]?.send({ from, n }),
            })),
          )
          sends.forEach(({ from, to }, n) => {
            senders[from]?.send({ to, n })
          })
          settle()
          expect(seen.flat()).toHaveLength(sends.length)
          for (const list of seen) {
            for (const sender of [0, 1, 2, 3]) {
              const own = list.filter(({ from }) => from === sender).map(({ n }) => n)
              expect(own).toEqual([...own].sort((a, b) => a - b))
            }
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})
