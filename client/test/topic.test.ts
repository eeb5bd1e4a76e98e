import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { durationMs } from '../src/duration.ts'
import type { Client, Codec, Duration, Producer, Topic } from '../src/index.ts'
import { topic } from '../src/index.ts'
import { serverAddress } from '../src/server-address.ts'

interface Order {
  id: string
  cents: number
}
/** Input and output differ, as with a coercing schema. */
declare const schema: StandardSchemaV1<{ id: string; cents: string }, Order>
declare const producer: Producer
declare const client: Client

describe('types, checked by the compiler', () => {
  test('a schema fixes what is sent and what is read', () => {
    const check = () => {
      const orders = topic('orders', { schema, key: (value) => value.cents })
      expectTypeOf(orders).toEqualTypeOf<Topic<{ id: string; cents: string }, Order>>()
      expectTypeOf(client.stream(orders).next()).resolves.toExtend<
        IteratorResult<{ value: Order }, undefined>
      >()
      void producer.send(orders, { id: 'a', cents: '5' })
      // @ts-expect-error the input has a string
      void producer.send(orders, { id: 'a', cents: 5 })
      // @ts-expect-error the key function gets the input
      topic('orders', { schema, key: (value: Order) => value.id })
    }
    expect(check).toBeTypeOf('function')
  })

  test('without a schema the type argument does', () => {
    const check = () => {
      const orders = topic<Order>('orders', { key: (value) => value.id })
      expectTypeOf(orders).toEqualTypeOf<Topic<Order>>()
      void producer.send(orders, { id: 'a', cents: 5 }, { key: new Uint8Array() })
      // @ts-expect-error the topic alone fixes the type: a value does not widen it
      void producer.send(orders, { id: 'a' })
      // @ts-expect-error there is no such property
      topic<Order>('orders', { key: (value) => value.name })
      expectTypeOf(topic('anything')).toEqualTypeOf<Topic<unknown>>()
    }
    expect(check).toBeTypeOf('function')
  })

  test('a codec fixes the type too', () => {
    const check = () => {
      expectTypeOf(topic('a', { codec: 'text' })).toEqualTypeOf<Topic<string>>()
      expectTypeOf(topic('a', { codec: 'bytes' })).toEqualTypeOf<Topic<Uint8Array>>()
      const numbers: Codec<number> = { encode: () => new Uint8Array(), decode: () => 1 }
      expectTypeOf(topic('a', { codec: numbers })).toEqualTypeOf<Topic<number>>()
      // @ts-expect-error text is no number
      void producer.send(topic('a', { codec: 'text' }), 5)
    }
    expect(check).toBeTypeOf('function')
  })

  test('durations are numbers or texts with a unit', () => {
    expectTypeOf<'250ms' | '10s' | '5m' | '1h' | '7d' | 1.5>().toExtend<Duration>()
    // @ts-expect-error no such unit
    const wrong: Duration = '10 weeks'
    expect(() => durationMs('linger', wrong)).toThrow('linger is "10 weeks"')
  })
})

describe('values', () => {
  test.each([
    [0, 0],
    [250, 250],
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ] as const)('%s is %i ms', (duration, ms) => {
    expect(durationMs('linger', duration)).toBe(ms)
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '', '10', '-5s', '1e3ms', 's'])(
    '%s is no duration',
    (duration) => {
      expect(() => durationMs('linger', duration as Duration)).toThrow('an argument is not valid')
    },
  )

  test.each([
    ['nats://127.0.0.1:4222', '127.0.0.1:4222'],
    ['host', 'host:4222'],
    ['host:5000', 'host:5000'],
    ['nats://[::1]:4000', '[::1]:4000'],
  ])('%s is the address %s', (server, address) => {
    expect(serverAddress(server)).toBe(address)
  })

  test.each(['', '.', 'a..b', 'a b', '$dlq.x', 'a'.repeat(201)])('%j is no topic name', (name) => {
    expect(() => topic(name)).toThrow('this is not a valid topic name')
  })

  test('codecs refuse what they would change silently', () => {
    const { codec: text } = topic('a', { codec: 'text' })
    const { codec: json } = topic('a')
    const { codec: bytes } = topic('a', { codec: 'bytes' })
    expect(() => text.decode(new Uint8Array([0xff]))).toThrow()
    expect(() => text.encode(5)).toThrow('takes a string')
    expect(() => json.encode(() => {})).toThrow('no JSON')
    expect(() => bytes.encode('x')).toThrow('takes a Uint8Array')
    expect(text.decode(text.encode('\ufeffé'))).toBe('\ufeffé')
  })
})
