import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeaders, encodeHeaders, maxHeaders } from '../src/index.ts'
import { bytes, codeOf, damage, damaged, decodesOrRefuses, utf8 } from './arbitraries.ts'

const text = (block: Uint8Array): string => Buffer.from(block).toString()
const name = fc.stringMatching(/^[!-9;-~]{1,12}$/)
const value = fc.string({ unit: 'grapheme' }).map((each) => each.replace(/[\r\n]/g, '').trim())
const entries = fc.array(fc.tuple(name, value), { maxLength: 5 })
const status = fc.option(fc.record({ code: fc.integer({ min: 100, max: 999 }), text: value }), {
  nil: undefined,
})

describe('NATS headers', () => {
  test('have the bytes of the NATS protocol', () => {
    expect(text(encodeHeaders({}))).toBe('NATS/1.0\r\n\r\n')
    expect(text(encodeHeaders({ 'q-key': 'k', 'X-A': 'ü' }))).toBe(
      'NATS/1.0\r\nq-key: k\r\nX-A: ü\r\n\r\n',
    )
    expect(text(encodeHeaders(new Map(), { code: 503 }))).toBe('NATS/1.0 503\r\n\r\n')
    expect(text(encodeHeaders([], { code: 503, text: 'No Responders' }))).toBe(
      'NATS/1.0 503 No Responders\r\n\r\n',
    )
  })

  test('come back with repeats, order and status', () => {
    fc.assert(
      fc.property(entries, status, (sent, state) => {
        const decoded = decodeHeaders(encodeHeaders(sent, state))
        expect(decoded.entries).toEqual(sent)
        expect(decoded.status).toBe(state?.code)
        expect(decoded.description).toBe(state?.text || undefined)
        for (const [header] of sent) {
          const first = sent.find(([each]) => each.toLowerCase() === header.toLowerCase())
          expect(decoded.get(header.toUpperCase())).toBe(first![1])
        }
      }),
      { numRuns: 150 },
    )
  })

  test('are read as other clients write them', () => {
    const block = 'NATS/1.0 100 Idle Heartbeat\r\nA:1\r\nb:   2  \r\nC: x:y\r\nEmpty:\r\n\r\n'
    const decoded = decodeHeaders(utf8(block))
    expect(decoded).toMatchObject({ status: 100, description: 'Idle Heartbeat' })
    expect(decoded.entries).toEqual([
      ['A', '1'],
      ['b', '2'],
      ['C', 'x:y'],
      ['Empty', ''],
    ])
    expect(decoded.get('missing')).toBeUndefined()
  })

  test.each([
    '',
    'NATS/1.0',
    'NATS/1.0\r\n',
    'NATS/2.0\r\n\r\n',
    'NATS/1.0 x\r\n\r\n',
    'NATS/1.0 1\r\n\r\n',
    'NATS/1.0 1000\r\n\r\n',
    'NATS/1.0503\r\n\r\n',
    'NATS/1.0\r\nno colon\r\n\r\n',
    'NATS/1.0\r\n: no name\r\n\r\n',
    'NATS/1.0\r\na: 1\r\n',
    'NATS/1.0\r\n\r\na: 1\r\n\r\n',
  ])('refuse %j', (block) => {
    expect(codeOf(() => decodeHeaders(utf8(block)))).toBe('QUORATE_INVALID_REQUEST')
  })

  test.each([{ 'a b': '' }, { 'a:': '' }, { '': '' }, { ä: '' }, { a: 'x\r\ny: 1' }, { a: '\n' }])(
    'cannot be smuggled in by %j',
    (headers) => {
      expect(codeOf(() => encodeHeaders(headers as never))).toBe('QUORATE_INVALID_ARGUMENT')
    },
  )

  test('are at most 1000, and hostile blanks cost no more than others', () => {
    const block = (count: number): Uint8Array => utf8(`NATS/1.0\r\n${'a:1\r\n'.repeat(count)}\r\n`)
    expect(decodeHeaders(block(maxHeaders)).entries).toHaveLength(maxHeaders)
    for (const count of [maxHeaders + 1, 100_000]) {
      expect(codeOf(() => decodeHeaders(block(count)))).toBe('QUORATE_INVALID_REQUEST')
    }
    const blanks = ' \t'.repeat(250_000)
    expect(decodeHeaders(utf8(`NATS/1.0 503${blanks}\n\r\n\r\n`)).status).toBe(503)
    expect(codeOf(() => decodeHeaders(utf8(`NATS/1.0${blanks}x\r\n\r\n`)))).toBe(
      'QUORATE_INVALID_REQUEST',
    )
  })

  test('decode or are refused, on random and on damaged bytes', () => {
    const block = entries.map((sent) => encodeHeaders(sent))
    const broken = fc.tuple(block, damage).map(([whole, hurt]) => damaged(whole, hurt))
    fc.assert(
      fc.property(fc.oneof(bytes(100), broken), (input) => {
        const decoded = decodesOrRefuses(() => decodeHeaders(input))
        if (decoded instanceof Error) {
          expect(decoded).toMatchObject({ code: 'QUORATE_INVALID_REQUEST' })
        } else {
          for (const [header] of decoded.entries) expect(decoded.get(header)).toBeDefined()
        }
      }),
      { numRuns: 300 },
    )
  })
})
