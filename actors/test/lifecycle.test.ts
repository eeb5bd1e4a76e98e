import { describe, expect, test } from 'vitest'
import type { ActorContext, ActorRef } from '../src/index.ts'
import { recorder, world } from './support/world.ts'

const silent = { receive: () => {} }

describe('start and stop', () => {
  test('create and started run in the first slot, before any message', () => {
    const { system, settle } = world()
    const events: string[] = []
    const ref = system.spawn<string>('a', () => {
      events.push('create')
      return {
        started: () => events.push('started'),
        receive: (message) => events.push(message),
      }
    })
    ref.send('message')
    expect(events).toEqual([])
    settle()
    expect(events).toEqual(['create', 'started', 'message'])
  })

  test('a stop takes effect after the current message and drops the rest', () => {
    const { system, settle, records } = world()
    const seen: string[] = []
    const ref: ActorRef<string> = system.spawn('a', () =>
      recorder(seen, (message, context) => {
        if (message !== 'stop') return
        context.stop()
        seen.push('still here')
        expect(context.self.send('late')).toBe(false)
      }),
    )
    for (const message of ['one', 'stop', 'two', 'three']) ref.send(message)
    settle()
    expect(seen).toEqual(['one', 'stop', 'still here'])
    expect(ref.send('four')).toBe(false)
    expect(ref.reply('five')).toBe(false)
    expect(records.at(-1)).toMatchObject({ kind: 'stopped', path: 'a', dropped: 2 })
  })

  test('children stop with their parent: children first, the last spawned before the others', () => {
    const { system, settle } = world()
    const stopped: string[] = []
    const node = (path: string, children: string[]) => () => ({
      started(context: ActorContext<never>) {
        for (const child of children) context.spawn(child, node(`${path}/${child}`, []))
      },
      receive: () => {},
      stopped: () => {
        stopped.push(path)
      },
    })
    const ref = system.spawn('top', node('top', ['first', 'second']))
    settle()
    expect(system.find('top/second')?.path).toBe('top/second')
    system.stop(ref)
    expect(stopped).toEqual(['top/second', 'top/first', 'top'])
    system.stop(ref)
    expect(stopped).toHaveLength(3)
    expect(system.statistics.actors).toBe(0)
  })

  test('a child can be stopped and its name used again in one message', () => {
    const { system, settle } = world()
    const events: string[] = []
    const child = (name: string) => () => ({
      started: () => void events.push(`${name} started`),
      receive: (message: string) => void events.push(`${name} ${message}`),
      stopped: () => void events.push(`${name} stopped`),
    })
    let first: ActorRef<string> | undefined
    const parent = system.spawn<string>('parent', () => ({
      started(context) {
        first = context.spawn('c', child('old'))
      },
      receive(_, context) {
        context.stop(first)
        context.spawn('c', child('new')).send('hello')
      },
    }))
    settle()
    parent.send('replace')
    settle()
    expect(events).toEqual(['old started', 'old stopped', 'new started', 'new hello'])
  })

  test('a ref names one life of a path and refuses for ever after it', () => {
    const { system, settle } = world()
    const old = system.spawn('a', () => recorder<string>([]))
    settle()
    system.stop(old)
    const seen: string[] = []
    const young = system.spawn('a', () => recorder(seen))
    expect(old.send('to the old one')).toBe(false)
    expect(young.send('to the new one')).toBe(true)
    settle()
    expect(seen).toEqual(['to the new one'])
    expect(system.find('a')).toBe(young)
  })

  test('only own children can be stopped through a context, and a path is used once', () => {
    const { system, settle, records } = world()
    const other = system.spawn('other', () => silent)
    system.spawn<string>('a', () => ({
      started: (context) => context.stop(other),
      receive: () => {},
    }))
    settle()
    expect(records.find(({ kind }) => kind === 'failed')).toMatchObject({ path: 'a' })
    expect(system.find('other')).toBe(other)
    expect(() => system.spawn('other', () => silent)).toThrow('exists already')
    for (const path of ['', 'a#1', 'a/']) {
      expect(() => system.spawn(path, () => silent)).toThrow('no actor path')
    }
  })

  test('stopping the system stops every actor, silences its timers and refuses new actors', () => {
    const { simulation, system } = world()
    const stopped: string[] = []
    for (const name of ['a', 'b']) {
      system.spawn<string>(name, () => ({
        started: (context) => context.setTimer('t', 1_000, 'tick'),
        receive: () => {},
        stopped: () => void stopped.push(name),
      }))
    }
    simulation.runUntil(10)
    system.stop()
    expect(stopped).toEqual(['b', 'a'])
    expect(system.statistics).toMatchObject({ actors: 0, timers: 0 })
    expect(() => system.spawn('c', () => silent)).toThrow('has stopped')
    expect(simulation.step()).toBe(false)
  })

  test('an actor can stop the whole system from inside a message', () => {
    const { system, settle } = world()
    const events: string[] = []
    const ref = system.spawn<string>('a', () => ({
      receive: () => {
        system.stop()
        events.push('finished the message')
      },
      stopped: () => void events.push('stopped'),
    }))
    ref.send('go')
    settle()
    expect(events).toEqual(['finished the message', 'stopped'])
    expect(system.idle).toBe(true)
  })
})
