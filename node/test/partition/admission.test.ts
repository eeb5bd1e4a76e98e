import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Admission } from '../../src/partition/admission.ts'
import { PartitionMachine } from '../../src/partition/machine.ts'
import { type BatchShape, headerOf, LogBuilder } from './log-builder.ts'

const rule = { segmentBytes: 1000, segmentMs: 60_000 }
const tableLimits = { producersMax: 3, producerExpiryMs: 5000 }

/** A leader's log: applied up to some index, appended further. */
class Leader {
  readonly log = new LogBuilder()
  readonly machine = new PartitionMachine(rule, tableLimits)
  admission = new Admission(this.machine, [])

  get appended(): number {
    return this.log.entries.length
  }

  send(shape: BatchShape): ReturnType<Admission['admit']> {
    const admitted = this.admission.admit(headerOf(shape), this.log.timeMs)
    if (admitted.kind === 'append') {
      this.admission.appended(this.log.records(shape, admitted.baseOffset))
    }
    return admitted
  }

  commit(upTo = this.appended): void {
    while (this.machine.applied.index < upTo) {
      this.machine.apply(this.log.entries[this.machine.applied.index]!)
    }
    this.admission.committed(upTo)
  }

  /** Another election: the view is built anew from what is applied and what is in the log. */
  reelect(): void {
    this.admission = new Admission(this.machine, this.log.entries.slice(this.machine.applied.index))
    this.log.term += 1
    this.admission.appended(this.log.termStart())
  }
}

const batch = (sequence: number, producerId = 7, epoch = 0) => ({ producerId, epoch, sequence })

describe('admission', () => {
  test('gives offsets at the log end, ahead of what is applied', () => {
    const leader = new Leader()
    expect(leader.send({ count: 3 })).toEqual({ kind: 'append', baseOffset: 0 })
    expect(leader.send({ count: 2 })).toEqual({ kind: 'append', baseOffset: 3 })
    expect(leader.admission.nextOffset).toBe(5)
    expect(leader.admission.lastIndex).toBe(2)
    expect(leader.machine.nextOffset).toBe(0)
  })

  test.each([0, 1, 2, 3, 4])(
    'answers a duplicate %i batches back with its offset, and only once it has committed',
    (back) => {
      const leader = new Leader()
      for (let sequence = 0; sequence < 8; sequence++) leader.send(batch(sequence))
      const original = 7 - back
      const pending = { kind: 'duplicate', offset: original, index: original + 1 }
      expect(leader.send(batch(original))).toEqual(pending)
      leader.commit(original)
      expect(leader.send(batch(original))).toEqual(pending)
      leader.commit(original + 1)
      expect(leader.send(batch(original))).toEqual({ ...pending, index: 0 })
      expect(leader.appended).toBe(8)
    },
  )

  test('answers an older duplicate without offset, and only once the window has committed', () => {
    const leader = new Leader()
    for (let sequence = 0; sequence < 8; sequence++) leader.send(batch(sequence))
    expect(leader.send(batch(1))).toEqual({ kind: 'duplicate', offset: -1, index: 4 })
    leader.commit(4)
    expect(leader.send(batch(1))).toEqual({ kind: 'duplicate', offset: -1, index: 0 })
  })

  test('refuses with the codes of the error table', () => {
    const leader = new Leader()
    leader.send(batch(0))
    const codeOf = (shape: BatchShape) => {
      const admitted = leader.send(shape)
      return admitted.kind === 'refused' ? admitted.error.code : admitted.kind
    }
    expect(codeOf(batch(2))).toBe('QUORATE_OUT_OF_ORDER_SEQUENCE')
    expect(codeOf(batch(1, 8))).toBe('QUORATE_UNKNOWN_PRODUCER')
    expect(codeOf(batch(0, 7, 1))).toBe('append')
    expect(codeOf(batch(1, 7, 0))).toBe('QUORATE_PRODUCER_FENCED')
    expect(codeOf(batch(0, 8))).toBe('append')
    expect(codeOf(batch(0, 9))).toBe('append')
    expect(codeOf(batch(0, 10))).toBe('QUORATE_PRODUCER_TABLE_FULL')
  })

  test('knows after an election what the old leader had in the log', () => {
    const leader = new Leader()
    for (let sequence = 0; sequence < 4; sequence++) leader.send(batch(sequence))
    leader.commit(2)
    leader.reelect()
    expect(leader.send(batch(1))).toEqual({ kind: 'duplicate', offset: 1, index: 0 })
    expect(leader.send(batch(3))).toEqual({ kind: 'duplicate', offset: 3, index: 4 })
    expect(leader.send(batch(4))).toEqual({ kind: 'append', baseOffset: 4 })
  })

  test('forgets after a truncation what was cut off', () => {
    const leader = new Leader()
    for (let sequence = 0; sequence < 4; sequence++) leader.send(batch(sequence))
    leader.commit(2)
    const kept = leader.log.entries.slice(leader.machine.applied.index, 3)
    const rebuilt = new Admission(leader.machine, kept)
    expect(rebuilt.admit(headerOf(batch(3)), leader.log.timeMs)).toEqual({
      kind: 'append',
      baseOffset: 3,
    })
  })

  test('throws on an entry that apply would refuse, before it is proposed', () => {
    const leader = new Leader()
    leader.send(batch(0))
    expect(() => leader.admission.appended(leader.log.records(batch(0)))).toThrow(/duplicate/)
  })

  test('never lets log time go back', () => {
    const leader = new Leader()
    leader.send({})
    expect(leader.admission.appendTimeMs(leader.log.timeMs - 500)).toBe(leader.log.timeMs)
    expect(leader.admission.appendTimeMs(leader.log.timeMs + 500)).toBe(leader.log.timeMs + 500)
  })
})

const move = fc.record({
  what: fc.constantFrom('send', 'send', 'send', 'send', 'commit', 'elect', 'log-start'),
  producerId: fc.constantFrom(-1, 1, 2, 3, 4),
  epoch: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 }) },
  ),
  sequence: fc.integer({ min: 0, max: 7 }),
  onward: fc.boolean(),
  count: fc.integer({ min: 1, max: 2 }),
  waitMs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(3) },
    { weight: 1, arbitrary: fc.constant(3000) },
  ),
})

test('what admission admits is what apply accepts, and what it refuses apply refuses', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 150, size: 'max' }), (moves) => {
      const leader = new Leader()
      const accepted = new Map<string, number>()
      for (const { what, producerId, epoch, sequence, onward, count, waitMs } of moves) {
        leader.log.timeMs += waitMs
        if (what === 'commit')
          leader.commit(Math.max(leader.machine.applied.index, leader.appended - count))
        else if (what === 'elect') leader.reelect()
        else if (what === 'log-start') {
          const roll = leader.machine.rolls[0]
          if (roll !== undefined) leader.admission.appended(leader.log.logStart(roll))
        } else {
          const head = `${producerId}/${epoch}`
          const known = accepted.get(head) ?? 0
          const shape =
            producerId < 0
              ? { count }
              : { producerId, epoch, count, sequence: onward ? known : sequence }
          checkAgainstReplay(leader, shape)
          if (leader.send(shape).kind === 'append' && producerId >= 0) {
            accepted.set(head, shape.sequence! + count)
          }
        }
      }
      leader.commit()
      expect(Buffer.from(leader.machine.snapshot()).equals(replayed(leader).snapshot())).toBe(true)
    }),
    { numRuns: 60 },
  )
})

function replayed(leader: Leader): PartitionMachine {
  const machine = new PartitionMachine(rule, tableLimits)
  for (const entry of leader.log.entries) machine.apply(entry)
  return machine
}

/** A machine that replayed the whole log accepts the batch at that offset or at none. */
function checkAgainstReplay(leader: Leader, shape: BatchShape): void {
  const { log, admission } = leader
  const admitted = admission.admit(headerOf(shape), log.timeMs)
  const machine = replayed(leader)
  const baseOffset = machine.nextOffset
  const probe = new LogBuilder()
  probe.previous = log.previous
  probe.term = log.term
  probe.timeMs = log.timeMs
  const entry = probe.records(shape, baseOffset)
  if (admitted.kind === 'append') {
    expect(admitted.baseOffset).toBe(baseOffset)
    machine.apply(entry)
  } else {
    expect(() => machine.apply(entry)).toThrow(
      admitted.kind === 'refused' ? admitted.error.code : 'duplicate',
    )
  }
}
