import { describe, expect, test } from 'vitest'
import { ActorSystem } from '../src/index.ts'
import { Simulation } from '../src/testing/index.ts'
import { world } from './support/world.ts'

describe('inspection', () => {
  test('the life of an actor reads as a list of typed records', () => {
    const { simulation, system, records } = world()
    const ref = system.spawn<string>('a', () => ({
      receive(message, context) {
        if (message === 'bad') throw new Error('bad')
        context.inspect('became', { mood: message })
        context.inspect('plain')
      },
    }))
    ref.send('good')
    ref.send('bad')
    simulation.runUntil(150)
    system.stop(ref)
    const origin = { system: 'n1', path: 'a' }
    expect(records).toMatchObject([
      { ...origin, kind: 'spawned', incarnation: 1, atMs: 0 },
      { ...origin, kind: 'message', message: 'good' },
      { ...origin, kind: 'state', change: 'became', detail: { mood: 'good' } },
      { ...origin, kind: 'state', change: 'plain' },
      { ...origin, kind: 'message', message: 'bad' },
      { ...origin, kind: 'failed', incarnation: 1, message: 'bad' },
      { ...origin, kind: 'restarted', incarnation: 2, atMs: 100 },
      { ...origin, kind: 'stopped', incarnation: 2, atMs: 150, dropped: 0 },
    ])
  })

  test('without an inspector no record is built and the clock is not read for records', () => {
    const simulation = new Simulation('quiet')
    const host = simulation.host('h')
    const system = new ActorSystem({ name: 'n1', host, random: simulation.random })
    let reads = 0
    let seen = 0
    const ref = system.spawn<string>('a', () => ({
      receive(_, context) {
        seen += 1
        context.inspect('state', { seen })
      },
    }))
    simulation.runUntil(0)
    const monotonicMs = host.monotonicMs.bind(host)
    host.monotonicMs = () => {
      reads += 1
      return monotonicMs()
    }
    for (let i = 0; i < 100; i += 1) ref.send('x')
    simulation.runUntil(1)
    // What remains are the looks at the length of the turn.
    expect(seen).toBe(100)
    expect(reads).toBeLessThanOrEqual(4)
  })
})
