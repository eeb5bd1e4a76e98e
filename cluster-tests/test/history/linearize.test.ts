// The search for an order, against a slow one that tries them all.
import fc from 'fast-check'
import { type Interval, linearizability, type SequentialObject } from 'quorate/laboratory'
import { expect, test } from 'vitest'

interface Call {
  readonly do: 'read' | 'write' | 'increase'
  readonly value: number
}

/** A small number that is read, set, and increased when it is as expected. */
const counter: SequentialObject<Call, number> = {
  initial: 0,
  step: (state, { do: verb, value }) => {
    if (verb === 'write') return value
    if (state !== value) return undefined
    return verb === 'read' ? state : state + 1
  },
}

/** Every choice of what comes next, without any cleverness. */
function hasOrder(left: readonly Interval<Call>[], state: number): boolean {
  if (left.every(({ returnedAt }) => returnedAt === Infinity)) return true
  const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt))
  return left.some((each) => {
    if (each.calledAt > firstReturn) return false
    const next = counter.step(state, each.call)
    if (next === undefined) return false
    return hasOrder(
      left.filter((other) => other !== each),
      next,
    )
  })
}

const call = fc.record({
  do: fc.constantFrom<Call['do']>('read', 'write', 'increase'),
  value: fc.integer({ min: 0, max: 2 }),
})

const interval = fc
  .record({
    call,
    calledAt: fc.integer({ min: 0, max: 12 }),
    tookMs: fc.integer({ min: 0, max: 6 }),
    returns: fc.integer({ min: 0, max: 4 }).map((drawn) => drawn > 0),
  })
  .map(({ call, calledAt, tookMs, returns }) => ({
    call,
    calledAt,
    returnedAt: returns ? calledAt + tookMs : Infinity,
  }))

test('finds an order exactly when there is one', () => {
  const seen = { linearizable: 0, 'not linearizable': 0, unknown: 0 }
  const operations = fc.array(interval, { maxLength: 7, size: 'max' })
  fc.assert(
    fc.property(operations, (drawn) => {
      const verdict = linearizability(drawn, counter, 1_000_000)
      seen[verdict] += 1
      expect(verdict).toBe(hasOrder(drawn, 0) ? 'linearizable' : 'not linearizable')
    }),
    { numRuns: 3_000 },
  )
  expect(seen.linearizable).toBeGreaterThan(300)
  expect(seen['not linearizable']).toBeGreaterThan(300)
  expect(seen.unknown).toBe(0)
})

test('says that it does not know when it may not search long enough', () => {
  const writes = Array.from({ length: 12 }, (_, value) => ({
    call: { do: 'write' as const, value },
    calledAt: 0,
    returnedAt: 10,
  }))
  const read = { call: { do: 'read' as const, value: 99 }, calledAt: 11, returnedAt: 12 }
  expect(linearizability([...writes, read], counter, 100)).toBe('unknown')
})

test('goes through long histories with few calls at a time', () => {
  const operations: Interval<Call>[] = []
  for (let value = 0; value < 2_000; value += 1) {
    operations.push({
      call: { do: 'write', value },
      calledAt: 3 * value,
      returnedAt: 3 * value + 4,
    })
    const read = { do: 'read', value } as const
    operations.push({ call: read, calledAt: 3 * value + 1, returnedAt: 3 * value + 3 })
  }
  expect(linearizability(operations, counter, 1_000_000)).toBe('linearizable')
})
