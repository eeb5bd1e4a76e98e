import { describe, expect, test } from 'vitest'
import { jsonLine, rawLine, streamOptions } from '../../src/cli/consume.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

describe('where consume reads', () => {
  test('by default from the beginning to the end there is now', () => {
    expect(streamOptions({ from: 'earliest' })).toEqual({ from: 'earliest', until: 'end' })
  })

  test('--follow has no end', () => {
    expect(streamOptions({ from: 'earliest', follow: true })).toEqual({ from: 'earliest' })
    expect(streamOptions({ from: 'latest', follow: true, partition: '2' })).toEqual({
      from: 'latest',
      partitions: [2],
    })
  })

  test('an offset is one of a partition', () => {
    expect(streamOptions({ from: '17', partition: '3' })).toEqual({
      from: { partition: 3, offset: 17 },
      until: 'end',
    })
  })

  test.each([
    [{ from: '17' }, 'needs --partition'],
    [{ from: 'latest' }, '--follow'],
    [{ from: 'newest' }, '--from is earliest, latest or an offset'],
    [{ from: '-1', partition: '0' }, '--from is earliest, latest or an offset'],
    [{ from: 'earliest', partition: 'x' }, '--partition is a whole number'],
  ])('%j is a usage error', (options, words) => {
    expect(() => streamOptions(options)).toThrow(UsageError)
    expect(() => streamOptions(options)).toThrow(words)
  })
})

const bytes = (text: string) => new TextEncoder().encode(text)
const record = {
  partition: 1,
  offset: 7,
  timestamp: new Date(1_700_000_000_000),
  key: 'ignored',
  keyBytes: bytes('k'),
  headers: { trace: 'a' },
  value: bytes('größe'),
}
const parsed = (line: Uint8Array) => JSON.parse(new TextDecoder().decode(line))

describe('what consume prints', () => {
  test('raw is the bytes stored and a newline', () => {
    expect([...rawLine({ value: Uint8Array.of(0, 255, 13) })]).toEqual([0, 255, 13, 10])
    expect([...rawLine({ value: null })]).toEqual([10])
  })

  test('jsonl has topic, partition, offset, timestamp, key, headers and value', () => {
    expect(parsed(jsonLine('orders', record))).toEqual({
      topic: 'orders',
      partition: 1,
      offset: 7,
      timestamp: '2023-11-14T22:13:20.000Z',
      key: 'k',
      headers: { trace: 'a' },
      value: 'größe',
    })
  })

  test('what is no UTF-8 comes as base64 under another name, what is absent as null', () => {
    const value = Uint8Array.of(0xc3, 0x28)
    const line = parsed(jsonLine('orders', { ...record, keyBytes: null, value }))
    expect(line).toMatchObject({ key: null, valueBase64: Buffer.from(value).toString('base64') })
    expect(line).not.toHaveProperty('value')
    expect(parsed(jsonLine('orders', { ...record, value: null }))).toMatchObject({ value: null })
  })

  test('a line of jsonl is one line, whatever the value holds', () => {
    const line = new TextDecoder().decode(jsonLine('orders', { ...record, value: bytes('a\nb') }))
    expect(line.split('\n')).toHaveLength(2)
  })
})
