// Whatever a broker that keeps its promises does, its history is accepted; and one thing changed in it
// is found. Changes are made where they are a lie by definition, so every one must be found.
import fc from 'fast-check'
import { checkHistory, type HistoryEvent, isFatal, type ReadRecord } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { type Choice, ModelBroker } from './model-broker.ts'

const number = fc.nat({ max: 999 })
const choices = fc.array(fc.tuple(number, number, number) as fc.Arbitrary<Choice>, {
  maxLength: 150,
  size: 'max',
})
const world = fc.record({ dense: fc.boolean(), retention: fc.boolean() })

type Ok<F extends HistoryEvent['f']> = HistoryEvent & { readonly type: 'ok'; readonly f: F }

const isOk =
  <F extends HistoryEvent['f']>(f: F) =>
  (event: HistoryEvent): event is Ok<F> =>
    event.type === 'ok' && event.f === f

/** Records of the final read, as they are in their event. */
function finalRecords(events: readonly HistoryEvent[]) {
  return events
    .filter(isOk('poll'))
    .filter(({ process }) => process === 'final')
    .flatMap(({ value }) => value.records.map((record, at) => ({ value, record, at })))
    .map(({ value, record, at }) => ({ record, at, all: value.records as ReadRecord[] }))
}

function ackOf(events: readonly HistoryEvent[], { value }: ReadRecord): Ok<'send'> | undefined {
  return events
    .filter(isOk('send'))
    .find(({ of }) => (events[of!] as { value: { value: string } }).value.value === value)
}

/** Takes one of what there is; false when there is none. */
function change<Each>(all: readonly Each[], pick: number, how: (each: Each) => void): boolean {
  const each = all[pick % Math.max(all.length, 1)]
  if (each === undefined) return false
  how(each)
  return true
}

type Tamper = (events: HistoryEvent[], pick: number) => boolean

const lies: Readonly<Record<string, Tamper>> = {
  'an acked record is dropped from the final read': (events, pick) => {
    const acked = finalRecords(events).filter(({ record }) => ackOf(events, record) !== undefined)
    return change(acked, pick, ({ all, at }) => all.splice(at, 1))
  },
  'a record is there once more in the end': (events, pick) =>
    change(finalRecords(events), pick, ({ all, record }) => {
      all.push({ ...record, offset: all.at(-1)!.offset + 1 })
    }),
  'two records change places': (events, pick) => {
    const followed = finalRecords(events).filter(({ all, at }) => at + 1 < all.length)
    return change(followed, pick, ({ all, at }) => {
      all.splice(at, 2, all[at + 1]!, all[at]!)
    })
  },
  'two values change places': (events, pick) => {
    const followed = finalRecords(events).filter(
      ({ all, at, record }) => at + 1 < all.length && ackOf(events, record) !== undefined,
    )
    return change(followed, pick, ({ all, at }) => {
      const [first, second] = [all[at]!, all[at + 1]!]
      const swap = (of: ReadRecord, by: ReadRecord) => ({ ...by, offset: of.offset })
      all.splice(at, 2, swap(first, second), swap(second, first))
    })
  },
  'a value is another one': (events, pick) =>
    change(finalRecords(events), pick, ({ all, at, record }) => {
      all.splice(at, 1, { ...record, value: 'changed' })
    }),
  'a key is another one': (events, pick) =>
    change(finalRecords(events), pick, ({ all, at, record }) => {
      all.splice(at, 1, { ...record, key: 'changed' })
    }),
  'an acked record is in another partition': (events, pick) => {
    const acked = finalRecords(events).filter(({ record }) => ackOf(events, record) !== undefined)
    return change(acked, pick, ({ all, at, record }) => {
      all.splice(at, 1, { ...record, partition: 1 - record.partition })
    })
  },
  'an acked send is said to have failed': (events, pick) => {
    const acks = finalRecords(events).flatMap(({ record }) => ackOf(events, record) ?? [])
    return change(acks, pick, (ack) => Object.assign(ack, { type: 'fail', value: {} }))
  },
  'an ack names an offset that is not there': (events, pick) => {
    const acks = finalRecords(events).flatMap(({ record }) => ackOf(events, record) ?? [])
    return change(acks, pick, (ack) => {
      Object.assign(ack, { value: { ...ack.value, offset: 100_000 } })
    })
  },
  'an end misses an acked record': (events, pick) => {
    const missable = events.filter(isOk('end')).flatMap((told) => {
      const { partition } = events[told.of!]!.value as { partition: number }
      const before = events
        .slice(0, told.of)
        .filter(isOk('send'))
        .filter(({ value }) => value.partition === partition)
      return before.length === 0 ? [] : [{ told, offset: before.at(-1)!.value.offset! }]
    })
    return change(missable, pick, ({ told, offset }) => Object.assign(told, { value: { offset } }))
  },
  'a register holds what nobody wrote': (events, pick) => {
    const reads = events
      .filter(isOk('register'))
      .filter(({ of }) => (events[of!]!.value as { do: string }).do === 'read')
    return change(reads, pick, (read) => Object.assign(read, { value: { value: 'changed' } }))
  },
}

describe('the history of a broker that keeps its promises', () => {
  test('is accepted', () => {
    let read = 0
    fc.assert(
      fc.property(world, choices, (drawn, steps) => {
        const history = new ModelBroker(drawn).run(steps)
        expect(checkHistory(history)).toEqual([])
        read += finalRecords(history.events).length
      }),
      { numRuns: 400 },
    )
    expect(read).toBeGreaterThan(400)
  })

  test.each(Object.entries(lies))('is rejected when %s', (_, lie) => {
    let told = 0
    fc.assert(
      fc.property(world, choices, number, (drawn, steps, pick) => {
        const { header, events } = new ModelBroker(drawn).run(steps)
        const changed = structuredClone(events)
        if (!lie(changed, pick)) return
        told += 1
        const found = checkHistory({ header, events: changed }).filter(isFatal)
        expect(found.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
    expect(told).toBeGreaterThan(20)
  })
})
