import { chunksOf } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { decideFetch } from '../../src/partition/fetch-decision.ts'
import { shouldTransfer } from '../../src/partition/leader-preference.ts'
import { decodeLogStart, encodeLogStart } from '../../src/partition/log-start.ts'

describe('a fetch', () => {
  const at = (offset: number) =>
    decideFetch({ offset, logStartOffset: 10, highWatermark: 20, logEndOffset: 25 })

  test('is served below the high watermark and waits from there to the log end', () => {
    expect([10, 15, 19].map(at)).toEqual(['serve', 'serve', 'serve'])
    expect([20, 22, 25].map(at)).toEqual(['wait', 'wait', 'wait'])
  })

  test('is out of range only below the log start and above the log end', () => {
    expect([0, 9, 26, 1000].map(at)).toEqual(Array.from({ length: 4 }, () => 'out-of-range'))
  })

  test('of an empty partition waits', () => {
    const empty = { logStartOffset: 0, highWatermark: 0, logEndOffset: 0 }
    expect(decideFetch({ ...empty, offset: 0 })).toBe('wait')
  })
})

describe('leadership', () => {
  const base = {
    leader: 1001,
    preferred: 1002,
    preferredMatch: 5,
    lastIndex: 5,
    sinceLeaderMs: 2000,
  }
  const grown = { ...base, preferredMatch: 90_000, lastIndex: 90_100, sinceLeaderMs: 20_000 }

  test('of a new partition goes to the preferred replica soon', () => {
    expect(shouldTransfer(base)).toBe(true)
    expect(shouldTransfer({ ...base, sinceLeaderMs: 500 })).toBe(false)
    expect(shouldTransfer({ ...base, preferredMatch: 4 })).toBe(false)
  })

  test('of a used partition goes back later, and only to one that keeps up', () => {
    expect(shouldTransfer(grown)).toBe(true)
    expect(shouldTransfer({ ...grown, sinceLeaderMs: 2000 })).toBe(false)
    expect(shouldTransfer({ ...grown, preferredMatch: 80_000 })).toBe(false)
  })

  test('stays where it is preferred, or when the preferred node is down', () => {
    expect(shouldTransfer({ ...grown, leader: 1002 })).toBe(false)
    expect(shouldTransfer({ ...grown, preferredUp: false })).toBe(false)
  })
})

describe('a log-start payload', () => {
  const chain = { high: 0xdeadbeef, low: 7 }

  test('comes back as it was written', () => {
    for (const logStart of [
      { index: 12, offset: 34, chain },
      { index: 0, offset: 0, chain, roll: true },
    ]) {
      expect(decodeLogStart(encodeLogStart(logStart))).toEqual(logStart)
    }
  })

  test.each([
    'null',
    '{}',
    '{"index":-1,"offset":0,"chain":"deadbeef00000007"}',
    '{"index":1.5,"offset":0,"chain":"deadbeef00000007"}',
    '{"index":1,"offset":0,"chain":"DEADBEEF"}',
    '{"index":1,"offset":0,"chain":"deadbeef00000007","roll":false}',
    'not json',
  ])('that reads %s is refused', (text) => {
    expect(() => decodeLogStart(chunksOf(new TextEncoder().encode(text)))).toThrow()
  })
})
