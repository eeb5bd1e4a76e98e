import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ActorContext, type ActorRef, ActorSystem } from '../src/index.ts'
import { Simulation } from '../src/testing/index.ts'
import { world } from './support/world.ts'

const failing = (seen: string[]) => () => ({
  receive(message: string, context: ActorContext<string>) {
    if (message === 'bad') throw new Error('bad message')
    seen.push(`${message}@${context.incarnation}`)
  },
})

describe('supervision', () => {
  test('a restart drops the failed message and keeps the mailbox', () => {
    const { simulation, system, settle } = world()
    const seen: string[] = []
    const ref = system.spawn('a', failing(seen))
    for (const message of ['one', 'bad', 'two']) ref.send(message)
    settle()
    expect(seen).toEqual(['one@1'])
    expect(ref.send('three')).toBe(true)
    simulation.runUntil(99)
    expect(seen).toEqual(['one@1'])
    simulation.runUntil(100)
    expect(seen).toEqual(['one@1', 'two@2', 'three@2'])
    expect(system.statistics).toMatchObject({ failures: 1, restarts: 1 })
  })

  test('the pause doubles up to its maximum and is short again after a stretch without failure', () => {
    const { simulation, system, records } = world()
    const options = { restartDelayMs: 10, restartDelayMaxMs: 50 }
    const ref = system.spawn('a', failing([]), options)
    const restarts = () =>
      records.filter(({ kind }) => kind === 'restarted').map(({ atMs }) => atMs)
    for (let i = 0; i < 5; i += 1) ref.send('bad')
    simulation.runUntil(1_000)
    expect(restarts()).toEqual([10, 30, 70, 120, 170])
    ref.send('bad')
    simulation.runUntil(2_000)
    expect(restarts().at(-1)).toBe(1_010)
  })

  test('a restart ends children, timers and asks of the incarnation before it', () => {
    const { simulation, system } = world()
    const events: string[] = []
    const deaf = system.spawn<unknown>('deaf', () => ({ receive: () => {} }))
    const ref = system.spawn<string>(
      'a',
      () => ({
        started(context) {
          if (context.incarnation > 1) return
          context.setTimer('t', 20, 'timer')
          context.ask<string, string>(
            deaf,
            () => 'question',
            20,
            () => 'deadline',
          )
          context.spawn('child', () => ({
            receive: () => {},
            stopped: () => void events.push('child stopped'),
          }))
        },
        receive(message) {
          events.push(message)
          if (message === 'bad') throw new Error('bad')
        },
        stopped: () => void events.push('stopped'),
      }),
      { restartDelayMs: 1 },
    )
    simulation.runUntil(10)
    ref.send('bad')
    simulation.runUntil(100)
    expect(events).toEqual(['bad', 'child stopped', 'stopped'])
    expect(system.find('a/child')).toBeUndefined()
    expect(system.statistics.timers).toBe(0)
  })

  test('what fired or was answered before a restart is not received after it', () => {
    const { simulation, system } = world()
    const seen: string[] = []
    const replies: ActorRef<string>[] = []
    const holder = system.spawn<ActorRef<string>>('holder', () => ({
      receive: (replyTo) => void replies.push(replyTo),
    }))
    const ref = system.spawn<string>('a', () => ({
      receive(message, context) {
        if (message === 'bad') throw new Error('bad')
        seen.push(message)
        if (message !== 'go') return
        context.setTimer('t', 5, 'timer')
        context.ask<ActorRef<string>, string>(
          holder,
          (replyTo) => replyTo,
          500,
          () => 'answer',
        )
      },
    }))
    ref.send('go')
    simulation.runUntil(4)
    // The bad message waits in front of the timer and the answer in one and the same turn.
    simulation.at(5, 0, () => {
      ref.send('bad')
      expect(replies[0]?.send('reply')).toBe(true)
    })
    simulation.runUntil(1_000)
    expect(seen).toEqual(['go'])
    expect(replies[0]?.send('again')).toBe(false)
  })

  test('a failing actor with policy stop ends, and its parent lives on', () => {
    const { system, settle } = world()
    let child: ActorRef<string> | undefined
    const parent = system.spawn<string>('parent', () => ({
      started(context) {
        child = context.spawn('child', failing([]), { onFailure: 'stop' })
      },
      receive: () => {},
    }))
    settle()
    child?.send('bad')
    settle()
    expect(child?.send('more')).toBe(false)
    expect(parent.send('alive')).toBe(true)
    expect(system.find('parent/child')).toBeUndefined()
  })

  test('an escalated failure is the failure of the parent', () => {
    const { simulation, system, records } = world()
    let child: ActorRef<string> | undefined
    system.spawn<string>('parent', () => ({
      started(context) {
        child = context.spawn('child', failing([]), { onFailure: 'escalate' })
      },
      receive: () => {},
    }))
    simulation.runUntil(1)
    const first = child
    first?.send('bad')
    simulation.runUntil(1_000)
    expect(first?.send('x')).toBe(false)
    expect(child).not.toBe(first)
    expect(child?.send('x')).toBe(true)
    const failed = records.filter(({ kind }) => kind === 'failed').map(({ path }) => path)
    expect(failed).toEqual(['parent/child', 'parent'])
  })

  test('a failure that escalates past the top stops the system and is reported once', () => {
    const simulation = new Simulation('escalate')
    const reports: unknown[] = []
    const system = new ActorSystem({
      name: 'n1',
      host: simulation.host('n1'),
      random: simulation.random,
      escalated: (error, path) => reports.push([(error as Error).message, path]),
    })
    const other = system.spawn<string>('other', () => ({ receive: () => {} }))
    system.spawn('a', failing([]), { onFailure: 'escalate' }).send('bad')
    simulation.runUntil(10)
    expect(reports).toEqual([['bad message', 'a']])
    expect(other.send('x')).toBe(false)
  })

  test('without a handler an escalated failure is thrown out of the turn', () => {
    const { system, settle } = world()
    system.spawn('a', failing([]), { onFailure: 'escalate' }).send('bad')
    expect(settle).toThrow('bad message')
    expect(system.statistics.actors).toBe(0)
    settle()
  })

  test('a failure in create, started or settle is a failure of the actor', () => {
    const { simulation, system, records } = world()
    const seen: string[] = []
    let attempts = 0
    const ref = system.spawn<string>('a', () => {
      attempts += 1
      if (attempts === 1) throw new Error('in create')
      return {
        started(context) {
          if (context.incarnation === 2) throw new Error('in started')
          if (context.incarnation > 3) return
          context.ask<string, string>(
            context.self,
            () => 'question',
            5,
            () => {
              throw new Error('in settle')
            },
          )
        },
        receive: (message) => void seen.push(message),
      }
    })
    ref.send('kept')
    simulation.runUntil(2_000)
    const failures = records.filter((record) => record.kind === 'failed')
    expect(failures.map(({ error }) => (error as Error).message)).toEqual([
      'in create',
      'in started',
      'in settle',
    ])
    expect(seen).toEqual(['kept', 'question'])
  })

  test('a failure in stopped is recorded and changes nothing', () => {
    const { system, settle, records } = world()
    const ref = system.spawn<string>('a', () => ({
      receive: () => {},
      stopped() {
        throw new Error('in stopped')
      },
    }))
    settle()
    system.stop(ref)
    expect(records.map(({ kind }) => kind)).toEqual(['spawned', 'failed', 'stopped'])
  })

  test('a context kept beyond its incarnation does nothing, and its spawn throws', () => {
    const { simulation, system } = world()
    const seen: string[] = []
    const contexts: ActorContext<string>[] = []
    const ref = system.spawn<string>('a', () => ({
      started: (context) => void contexts.push(context),
      receive(message) {
        if (message === 'bad') throw new Error('bad')
        seen.push(message)
      },
    }))
    ref.send('bad')
    simulation.runUntil(200)
    const [old, young] = contexts
    expect([old?.incarnation, young?.incarnation]).toEqual([1, 2])
    old?.setTimer('t', 1, 'stale timer')
    old?.ask<string, string>(
      ref,
      () => 'stale question',
      1,
      () => 'stale',
    )
    old?.stop()
    expect(() => old?.spawn('child', () => ({ receive: () => {} }))).toThrow('has ended')
    young?.setTimer('t', 1, 'timer')
    simulation.runUntil(300)
    expect(seen).toEqual(['timer'])
  })

  test('whatever fails, every accepted message is received once or was the failing one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 7 }),
        (bad, turnMessages) => {
          const { simulation, system } = world({ turnMessages })
          const seen: number[] = []
          const ref = system.spawn<number>(
            'a',
            () => ({
              receive(n) {
                seen.push(n)
                if (bad[n]) throw new Error('bad')
              },
            }),
            { restartDelayMs: 1, restartDelayMaxMs: 4 },
          )
          bad.forEach((_, n) => {
            simulation.at(n, 0, () => ref.send(n))
          })
          simulation.runUntil(1_000)
          expect(seen).toEqual(bad.map((_, n) => n))
          expect(system.statistics.failures).toBe(bad.filter(Boolean).length)
        },
      ),
      { numRuns: 100 },
    )
  })
})
