import { chunksOf } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClockWatch } from '../../src/replication/clock-watch.ts'
import { decodeGossip, encodeGossip } from '../../src/replication/leader-gossip.ts'
import { type LeaderHint, LeaderTable } from '../../src/replication/leader-table.ts'

const place = { topicId: 5, partition: 1 }

describe('leader table', () => {
  test('the highest term wins, and within a term a leader is never replaced by nobody', () => {
    const table = new LeaderTable()
    expect(table.observe({ ...place, term: 3, node: 'n1' })).toBe(true)
    expect(table.observe({ ...place, term: 2, node: 'n2' })).toBe(false)
    expect(table.observe({ ...place, term: 3 })).toBe(false)
    expect(table.observe({ ...place, term: 3, node: 'n1' })).toBe(false)
    expect(table.get(place)).toEqual({ ...place, term: 3, node: 'n1' })
    expect(table.observe({ ...place, term: 4 })).toBe(true)
    expect(table.get(place)!.node).toBeUndefined()
    expect(table.observe({ ...place, term: 4, node: 'n2' })).toBe(true)
    expect(table.get(place)!.node).toBe('n2')
  })

  test('hints of a topic are forgotten together', () => {
    const table = new LeaderTable()
    table.observe({ ...place, term: 1, node: 'n1' })
    table.observe({ topicId: 5, partition: 2, term: 1, node: 'n1' })
    table.observe({ topicId: 6, partition: 0, term: 1, node: 'n1' })
    table.forget(5)
    expect([...table.topicIds()]).toEqual([6])
    expect(table.get(place)).toBeUndefined()
  })

  test('in whatever order hints arrive, the same leader is known at the end', () => {
    const hint = fc.record({ term: fc.integer({ min: 1, max: 4 }), named: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(hint, { maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (hints, order) => {
          // A term has one leader.
          const told: LeaderHint[] = hints.map(({ term, named }) =>
            named ? { ...place, term, node: `n${term}` } : { ...place, term },
          )
          const table = new LeaderTable()
          for (const each of told) table.observe(each)
          const other = new LeaderTable()
          const left = [...told]
          while (left.length > 0) {
            other.observe(left.splice(order.next().value! % left.length, 1)[0]!)
          }
          expect(other.get(place)).toEqual(table.get(place))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('gossip', () => {
  const hint = { ...place, term: 7, node: 'n2' }

  test('comes out as it went in', () => {
    const gossip = { hints: [hint], wallMs: 1_700_000_000_123 }
    expect(decodeGossip(encodeGossip(gossip), 'n2')).toEqual(gossip)
  })

  test('a peer speaks of its own leaderships only, and what is malformed is left out', () => {
    const hints: unknown[] = [
      hint,
      { ...hint, node: 'n3' },
      { ...hint, term: -1 },
      { ...hint, partition: 'x' },
      { ...place, term: 7 },
      null,
      'hint',
    ]
    const bytes = encodeGossip({ hints: hints as LeaderHint[], wallMs: 1 })
    expect(decodeGossip(bytes, 'n2')).toEqual({ hints: [hint], wallMs: 1 })
  })

  test('whatever bytes arrive, nothing is thrown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytesOf)), (bytes) => {
        decodeGossip(chunksOf(bytes), 'n2')
      }),
      { numRuns: 300 },
    )
    for (const text of ['', 'null', '[]', '{}', '{"hints":[]}', '{"hints":{},"wallMs":1}']) {
      expect(decodeGossip(chunksOf(bytesOf(text)), 'n2')).toBeUndefined()
    }
  })
})

describe('clock watch', () => {
  function watched() {
    const clock = { mono: 0, wall: 1_700_000_000_000 }
    const changes: boolean[] = []
    const watch = new ClockWatch(
      { monotonicMs: () => clock.mono, wallMs: () => clock.wall },
      (trusted) => changes.push(trusted),
    )
    const pass = (ms: number) => {
      clock.mono += ms
      clock.wall += ms
    }
    return { clock, watch, changes, pass }
  }

  test('alone there is nobody to disagree with', () => {
    const { clock, watch } = watched()
    expect(watch.trustedWallMs()).toBe(clock.wall)
    clock.wall += 1_000_000
    expect(watch.trustedWallMs()).toBe(clock.wall)
  })

  test('with two others the one that is off is the one that trusts itself no more', () => {
    const { clock, watch, changes, pass } = watched()
    watch.heard('n2', clock.wall + 200)
    watch.heard('n3', clock.wall - 90_000)
    expect(watch.trustedWallMs()).toBe(clock.wall)
    pass(60_000)
    expect(watch.trustedWallMs()).toBe(clock.wall)
    watch.heard('n3', clock.wall)
    // A jump is seen before anybody has spoken again.
    clock.wall += 60_000
    expect(watch.trustedWallMs()).toBeUndefined()
    clock.wall -= 60_000
    expect(watch.trustedWallMs()).toBe(clock.wall)
    expect(changes).toEqual([false, true])
  })

  test('of two that differ neither knows who is right', () => {
    const { clock, watch } = watched()
    watch.heard('n2', clock.wall + 30_000)
    expect(watch.trustedWallMs()).toBeUndefined()
    watch.lost('n2')
    expect(watch.trustedWallMs()).toBe(clock.wall)
  })
})

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
