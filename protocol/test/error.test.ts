import { describe, expect, test } from 'vitest'
import type { Outcome } from '../src/index.ts'
import {
  errorBody,
  errorByCode,
  errorByNumber,
  errorOfBody,
  errorTable,
  isErrorCode,
  QuorateError,
} from '../src/index.ts'
import { tableRows } from './table.ts'

const outcomes: Outcome[] = ['applied', 'not-applied', 'unknown', 'none']

describe('the error table', () => {
  test('and the reference page say the same, in both directions', () => {
    const documented = tableRows('errors.md', /^QUORATE_/).map((cells) => cells.slice(0, 5))
    const coded = errorTable.map(({ code, number, retriable, outcome, message }) => [
      code,
      String(number),
      retriable ? 'yes' : 'no',
      outcome,
      message,
    ])
    expect(documented).toEqual(coded)
  })

  test('tells the reader of every error what to do', () => {
    for (const [code, , , , , advice] of tableRows('errors.md', /^QUORATE_/)) {
      expect(advice, code).toMatch(/\S.*\.$/)
    }
    expect(
      tableRows('errors.md', /^(applied|not-applied|unknown|none)$/).map(([name]) => name),
    ).toEqual(outcomes)
  })

  test('gives each code one wire number, and each number one code', () => {
    expect(new Set(errorTable.map(({ number }) => number)).size).toBe(errorTable.length)
    for (const row of errorTable) {
      expect(row.number).toSatisfy((n: number) => Number.isInteger(n) && n > 0 && n < 65_536)
      expect(errorByNumber(row.number)).toBe(row.code)
      expect(errorByCode(row.code)).toBe(row)
      expect(isErrorCode(row.code)).toBe(true)
      expect(row.message).toMatch(/^[^:]*[^.:]$/)
    }
    expect(errorByNumber(0)).toBeUndefined()
    expect(errorByNumber(65_535)).toBeUndefined()
    expect(isErrorCode('QUORATE_')).toBe(false)
    expect(isErrorCode('toString')).toBe(false)
  })

  test('never promises not-applied for what may still be applied', () => {
    const uncertain = [
      'UNKNOWN_OUTCOME',
      'TIMEOUT',
      'DELIVERY_TIMEOUT',
      'STORAGE_FAILED',
      'INTERNAL',
    ]
    for (const name of uncertain) {
      expect(errorByCode(`QUORATE_${name}` as never).outcome).toBe('unknown')
    }
  })
})

describe('a QuorateError', () => {
  test('carries the row of its code, the detail and the cause', () => {
    const cause = new Error('EADDRINUSE')
    const error = new QuorateError('QUORATE_PORT_IN_USE', '127.0.0.1:4222', { cause })
    expect(error).toMatchObject({
      name: 'QuorateError',
      code: 'QUORATE_PORT_IN_USE',
      message: 'another process listens on this port: 127.0.0.1:4222',
      detail: '127.0.0.1:4222',
      retriable: false,
      outcome: 'none',
      cause,
    })
    expect(error).toBeInstanceOf(Error)
    expect('cause' in new QuorateError('QUORATE_CLOSED')).toBe(false)
    expect(new QuorateError('QUORATE_NO_LEADER', undefined, { outcome: 'unknown' }).outcome).toBe(
      'unknown',
    )
  })

  test('survives the way through a JSON reply, whatever its detail', () => {
    for (const { code } of errorTable) {
      for (const detail of [undefined, 'orders', 'a: b', '']) {
        const sent = new QuorateError(code, detail, { outcome: 'unknown' })
        const received = errorOfBody(JSON.parse(JSON.stringify(errorBody(sent))))
        expect({ ...received, message: received?.message }).toEqual({
          ...sent,
          message: sent.message,
        })
      }
    }
  })

  test('of a newer version keeps its text and outcome', () => {
    const body = { error: { code: 'QUORATE_NEWER', message: 'text', outcome: 'not-applied' } }
    expect(errorOfBody(body)).toMatchObject({
      code: 'QUORATE_INTERNAL',
      detail: 'QUORATE_NEWER text',
      outcome: 'not-applied',
    })
  })

  test('is not seen in a reply that holds none', () => {
    for (const body of [
      null,
      1,
      'x',
      [],
      {},
      { error: null },
      { error: 'x' },
      { error: { code: 1 } },
    ]) {
      expect(errorOfBody(body)).toBeUndefined()
    }
  })
})
