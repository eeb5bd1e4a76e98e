import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DialEnd, Redial } from '../../src/mesh/redial.ts'

const limits = { redialMinMs: 50, redialMaxMs: 1_000 }
const steady = 5_000
const noSpread = (): number => 0
const redial = (): Redial => new Redial(limits, noSpread)

describe('a peer is lost', () => {
  test('when the connection right after a broken link is refused, once', () => {
    const rule = redial()
    expect(rule.afterUp(steady)).toEqual({ delayMs: 0, lost: false })
    expect(rule.after('refused')).toEqual({ delayMs: 50, lost: true })
    expect(rule.after('refused')).toEqual({ delayMs: 100, lost: false })
  })

  test('when it is refused after attempts that its dying listener still took', () => {
    const rule = redial()
    rule.afterUp(steady)
    expect(rule.after('broken-off')).toEqual({ delayMs: 10, lost: false })
    expect(rule.after('broken-off')).toEqual({ delayMs: 10, lost: false })
    expect(rule.after('refused')).toMatchObject({ lost: true })
  })

  test('never when nobody was connected before, nor when the attempt failed otherwise', () => {
    expect(redial().after('refused').lost).toBe(false)
    const rule = redial()
    rule.afterUp(steady)
    expect(rule.after('failed').lost).toBe(false)
    expect(rule.after('refused').lost).toBe(false)
  })

  test('never by a proxy that takes connections and breaks them off', () => {
    const rule = redial()
    rule.afterUp(steady)
    const ends = Array.from({ length: 20 }, () => rule.after('broken-off'))
    expect(ends.some(({ lost }) => lost)).toBe(false)
    expect(ends.map(({ delayMs }) => delayMs).slice(0, 5)).toEqual([10, 10, 10, 50, 100])
  })
})

describe('pauses', () => {
  test('double from 50 ms to 1 s and begin anew after a link that stood', () => {
    const rule = redial()
    const pauses = Array.from({ length: 7 }, () => rule.after('refused').delayMs)
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000])
    rule.afterUp(steady)
    expect(rule.after('failed').delayMs).toBe(50)
  })

  test('a link that breaks soon after its peer came back is dialled after the shortest pause', () => {
    const rule = redial()
    for (let attempt = 0; attempt < 7; attempt++) rule.after('refused')
    expect(rule.afterUp(300)).toEqual({ delayMs: 50, lost: false })
    expect(rule.after('refused').lost).toBe(true)
  })

  test('a link that breaks as soon as it is up is not dialled in a tight loop', () => {
    const rule = redial()
    const pauses = Array.from({ length: 5 }, () => rule.afterUp(3).delayMs)
    expect(pauses).toEqual([50, 100, 200, 400, 800])
  })

  test('stay within the limits whatever happens and whatever is drawn', () => {
    const end = fc.constantFrom<DialEnd | 'up'>('refused', 'broken-off', 'failed', 'up')
    fc.assert(
      fc.property(fc.array(end), fc.infiniteStream(fc.nat()), (ends, draws) => {
        const rule = new Redial(limits, (bound) => draws.next().value % bound)
        for (const each of ends) {
          const { delayMs } = each === 'up' ? rule.afterUp(steady) : rule.after(each)
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThanOrEqual(1_000)
        }
      }),
      { numRuns: 100 },
    )
  })
})
