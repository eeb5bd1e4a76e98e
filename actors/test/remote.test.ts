import { describe, expect, test } from 'vitest'
import {
  type ActorRef,
  ActorSystem,
  type InspectionRecord,
  type RemoteEnvelope,
  type WireBytes,
} from '../src/index.ts'
import { eventClass, Simulation } from '../src/testing/index.ts'
import { recorder } from './support/world.ts'

interface Greeting {
  readonly type: 'greeting'
  readonly text: string
  readonly replyTo?: { readonly node: string; readonly path: string }
}

const bytesOf = (text: string): WireBytes => {
  const piece = Uint8Array.from(text, (character) => character.charCodeAt(0))
  return { pieces: [piece], byteLength: piece.byteLength }
}
const textOf = ({ pieces }: WireBytes) =>
  pieces.map((piece) => String.fromCharCode(...piece)).join('')

/** Two nodes whose transport delivers after 1 ms, in order. */
function twoNodes() {
  const simulation = new Simulation('remote')
  const records: InspectionRecord[] = []
  const sent: RemoteEnvelope[] = []
  const systems = ['n1', 'n2'].map((name) => {
    const host = simulation.host(name)
    const inspect = (record: InspectionRecord) => void records.push(record)
    return new ActorSystem({ name, host, random: simulation.random, inspect })
  })
  for (const system of systems) {
    system.registerCodec<Greeting>({
      type: 'greeting',
      encode: (message) => bytesOf(JSON.stringify(message)),
      decode: (bytes) => JSON.parse(textOf(bytes)),
    })
    system.registerTransport({
      send(node, envelope) {
        const target = systems.find(({ name }) => name === node)
        if (target === undefined) return false
        sent.push(envelope)
        simulation.at(simulation.nowMs + 1, eventClass.network, () => target.deliver(envelope))
        return true
      },
    })
  }
  return { simulation, records, sent, first: systems[0]!, second: systems[1]! }
}

describe('remote refs', () => {
  test('a message with a codec reaches an actor of another node, in order', () => {
    const { simulation, first, second } = twoNodes()
    const seen: Greeting[] = []
    second.spawn('greeter', () => recorder(seen))
    const ref = first.remote<Greeting>('n2', 'greeter')
    expect([ref.node, ref.path]).toEqual(['n2', 'greeter'])
    for (const text of ['a', 'b', 'c']) expect(ref.send({ type: 'greeting', text })).toBe(true)
    simulation.runUntil(10)
    expect(seen.map(({ text }) => text)).toEqual(['a', 'b', 'c'])
  })

  test('a message type without codec throws at the sender', () => {
    const { first } = twoNodes()
    const ref = first.remote<{ type: 'secret' }>('n2', 'greeter')
    expect(() => ref.send({ type: 'secret' })).toThrow('no codec for message type secret')
  })

  test('without a transport a remote send throws, and an unknown node refuses', () => {
    const { first, simulation } = twoNodes()
    const alone = new ActorSystem({
      name: 'n3',
      host: simulation.host('n3'),
      random: simulation.random,
    })
    alone.registerCodec<Greeting>({
      type: 'greeting',
      encode: () => bytesOf(''),
      decode: () => ({ type: 'greeting', text: '' }),
    })
    const message: Greeting = { type: 'greeting', text: 'x' }
    expect(() => alone.remote<Greeting>('n1', 'a').send(message)).toThrow('no transport')
    expect(first.remote<Greeting>('n9', 'a').send(message)).toBe(false)
  })

  test('an ask crosses nodes and its reply comes back by path', () => {
    const { simulation, first, second, sent } = twoNodes()
    const outcomes: string[] = []
    second.spawn<Greeting>('greeter', () => ({
      receive({ text, replyTo }) {
        if (replyTo === undefined) return
        const to = second.remote<Greeting>(replyTo.node, replyTo.path)
        to.reply({ type: 'greeting', text: `hello ${text}` })
      },
    }))
    first.spawn<string>('asker', () => ({
      started(context) {
        context.ask<Greeting, Greeting>(
          first.remote<Greeting>('n2', 'greeter'),
          ({ path }) => ({ type: 'greeting', text: 'n1', replyTo: { node: 'n1', path } }),
          100,
          (outcome) => (outcome === 'deadline-exceeded' ? outcome : outcome.reply.text),
        )
      },
      receive: (message) => void outcomes.push(`${message}@${simulation.nowMs}`),
    }))
    simulation.runUntil(1_000)
    expect(outcomes).toEqual(['hello n1@2'])
    expect(sent.map(({ path, reply }) => [path, reply])).toEqual([
      ['greeter', false],
      ['asker#1', true],
    ])
  })

  test('what cannot be delivered is refused and recorded, and nothing throws', () => {
    const { second, records } = twoNodes()
    second.spawn<Greeting>('greeter', () => ({ receive: () => {} }))
    const envelope = { path: 'greeter', type: 'greeting', reply: false, body: bytesOf('{}') }
    expect(second.deliver({ ...envelope, path: 'nobody' })).toBe(false)
    expect(second.deliver({ ...envelope, type: 'unheard' })).toBe(false)
    expect(second.deliver({ ...envelope, body: bytesOf('{') })).toBe(false)
    const reasons = records.flatMap((record) =>
      record.kind === 'undeliverable' ? [record.reason] : [],
    )
    expect(reasons).toEqual(['unknown-actor', 'unknown-type', 'malformed'])
  })

  test('a full mailbox refuses a remote send and accepts a remote reply', () => {
    const { second, simulation } = twoNodes()
    const seen: Greeting[] = []
    second.spawn('greeter', () => recorder(seen), { capacity: 1 })
    const body = bytesOf('{"type":"greeting","text":"x"}')
    const envelope = { path: 'greeter', type: 'greeting', body }
    const answers = [false, false, true].map((reply) => second.deliver({ ...envelope, reply }))
    expect(answers).toEqual([true, false, true])
    simulation.runUntil(1)
    expect(seen).toHaveLength(2)
  })

  test('a ref to the own node finds whoever lives at the path at each send', () => {
    const { first, simulation } = twoNodes()
    const seen: Greeting[] = []
    const ref = first.remote<Greeting>('n1', 'greeter')
    const message: Greeting = { type: 'greeting', text: 'x' }
    expect(ref.send(message)).toBe(false)
    const living: ActorRef<Greeting> = first.spawn('greeter', () => recorder(seen))
    expect(ref.send(message)).toBe(true)
    first.stop(living)
    expect(ref.reply(message)).toBe(false)
    first.spawn('greeter', () => recorder(seen))
    expect(ref.reply(message)).toBe(true)
    simulation.runUntil(1)
    expect(seen).toEqual([message])
  })
})
