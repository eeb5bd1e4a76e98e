import { chunksOf, type QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { MachineDisagreement } from '../../src/partition/disagreement.ts'
import { PartitionMachine } from '../../src/partition/machine.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import { type BatchShape, headerOf, LogBuilder } from './log-builder.ts'

const rule = { segmentBytes: 1000, segmentMs: 60_000 }
const tableLimits = { producersMax: 4, producerExpiryMs: 5000 }
/** For random logs: segments end by time as often as by size. */
const quickRule = { segmentBytes: 1000, segmentMs: 7000 }
const newQuick = () => new PartitionMachine(quickRule, tableLimits)
const newMachine = () => new PartitionMachine(rule, tableLimits)

function bytesOf(machine: PartitionMachine): string {
  return Buffer.from(machine.snapshot()).toString('hex')
}

describe('apply', () => {
  test('gives records dense offsets and moves the high watermark', () => {
    const log = new LogBuilder()
    const machine = newMachine()
    expect(machine.apply(log.termStart())).toMatchObject({
      index: 1,
      baseOffset: -1,
      nextOffset: 0,
    })
    expect(machine.apply(log.records({ count: 3 }))).toMatchObject({ baseOffset: 0, nextOffset: 3 })
    expect(machine.apply(log.records())).toMatchObject({ index: 3, baseOffset: 3, nextOffset: 4 })
    expect(machine.nextOffset).toBe(4)
    expect(machine.applied).toEqual({ index: 3, term: 1, chain: log.previous.chain })
    expect(machine.lastAppendTimeMs).toBe(log.timeMs)
  })

  const wrong: Record<string, (log: LogBuilder) => LogEntry> = {
    'an index that does not follow': (log) => ({ ...log.records(), index: 9 }),
    'a term below the last': (log) => {
      log.term = 0
      return log.records()
    },
    'an append time below the last': (log) => {
      log.timeMs -= 1
      return log.records()
    },
    'a base offset that is not next': (log) => log.records({}, 7),
    'offsets that are not those of the batch': (log) => ({ ...log.records(), nextOffset: 99 }),
    'a leader epoch that is not its term': (log) => log.records({}, 2, 5),
    'a duplicate': (log) => log.records({ producerId: 7, epoch: 1, sequence: 0 }),
    'a gap in a sequence': (log) => log.records({ producerId: 7, epoch: 1, sequence: 2 }),
    'an older epoch': (log) => log.records({ producerId: 7, epoch: 0, sequence: 0 }),
    'an unknown producer': (log) => log.records({ producerId: 8, epoch: 0, sequence: 3 }),
    'a metadata command': (log) => log.metadata(new Uint8Array(4)),
    'a type of a newer version': (log) => ({ ...log.termStart(), type: 9 as never }),
    'a batch that is no batch': (log) => ({
      ...log.records(),
      payload: chunksOf(new Uint8Array(70)),
    }),
    'a log start that ends no segment': (log) =>
      log.logStart({ index: 1, offset: 0, chain: { high: 0, low: 0 } }),
    'an unreadable log start': (log) => ({
      ...log.logStart(log.begin),
      payload: chunksOf(new Uint8Array(3)),
    }),
  }

  test.each(Object.keys(wrong))('halts at %s and has changed nothing', (what) => {
    const log = new LogBuilder()
    const machine = newMachine()
    for (const entry of [
      log.termStart(),
      log.records({ producerId: 7, epoch: 1, sequence: 0 }),
      log.records(),
    ]) {
      machine.apply(entry)
    }
    const before = bytesOf(machine)
    const entry = wrong[what]!(log)
    let thrown: unknown
    try {
      machine.apply(entry)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(MachineDisagreement)
    expect((thrown as MachineDisagreement).index).toBe(entry.index)
    expect(bytesOf(machine)).toBe(before)
  })
})

describe('a segment', () => {
  test('ends with the entry that fills it', () => {
    const log = new LogBuilder()
    const machine = newMachine()
    const rolls = Array.from({ length: 30 }, () => machine.apply(log.records({ valueBytes: 200 })))
      .filter(({ roll }) => roll)
      .map(({ index }) => index)
    const bytes = log.entries[0]!.payload.byteLength
    const each = Math.ceil(rule.segmentBytes / bytes)
    expect(rolls).toEqual(rolls.map((_, position) => each * (position + 1)))
    expect(rolls.length).toBeGreaterThan(4)
    expect(machine.rolls.map(({ index }) => index)).toEqual(rolls)
    expect(machine.rolls[0]).toEqual({
      index: each,
      offset: each,
      chain: log.entries[each - 1]!.chain,
      recordsTimeMs: log.timeMs,
      logBytes: each * bytes,
    })
  })

  test('ends with the first entry that comes its time after its first one', () => {
    const log = new LogBuilder()
    const machine = newMachine()
    machine.apply(log.records())
    log.timeMs += 59_999
    expect(machine.apply(log.records()).roll).toBe(false)
    log.timeMs += 1
    expect(machine.apply(log.termStart()).roll).toBe(true)
    expect(machine.apply(log.records()).roll).toBe(false)
  })

  test('ends when asked to, but only with records in it', () => {
    const log = new LogBuilder()
    const machine = newMachine()
    machine.apply(log.termStart())
    expect(machine.apply(log.logStart({ ...log.begin, roll: true })).roll).toBe(false)
    machine.apply(log.records())
    expect(machine.apply(log.logStart({ ...log.begin, roll: true })).roll).toBe(true)
    expect(machine.apply(log.logStart({ ...log.begin, roll: true })).roll).toBe(false)
    expect(machine.logStart.index).toBe(0)
  })
})

describe('the log start', () => {
  function rolled(): { log: LogBuilder; machine: PartitionMachine } {
    const log = new LogBuilder()
    const machine = newMachine()
    for (let at = 0; at < 30; at++) machine.apply(log.records({ valueBytes: 200 }))
    return { log, machine }
  }

  test('moves to a segment end, forgets those before it and never goes back', () => {
    const { log, machine } = rolled()
    const [first, second, third] = machine.rolls
    const result = machine.apply(log.logStart(second!))
    expect(result.logStart).toEqual({
      index: second!.index,
      offset: second!.offset,
      chain: second!.chain,
    })
    expect(machine.logStart).toEqual(second)
    expect(machine.rolls[0]).toEqual(third)
    expect(machine.apply(log.logStart(first!)).logStart).toBeUndefined()
    expect(machine.apply(log.logStart(second!)).logStart).toBeUndefined()
    expect(machine.logStart).toEqual(second)
  })

  test('with another offset or chain than this log has there halts the replica', () => {
    const { log, machine } = rolled()
    const roll = machine.rolls[0]!
    const otherOffset = log.logStart({ ...roll, offset: roll.offset + 1 })
    expect(() => machine.apply(otherOffset)).toThrow(/at offset/)
    const otherChain = {
      ...otherOffset,
      payload: log.logStart({ ...roll, chain: { high: 1, low: 2 } }).payload,
    }
    expect(() => machine.apply(otherChain)).toThrow(/another chain/)
  })
})

test('producers that went silent are freed as the log goes on', () => {
  const log = new LogBuilder()
  const machine = newMachine()
  for (const producerId of [1, 2, 3])
    machine.apply(log.records({ producerId, epoch: 0, sequence: 0 }))
  expect(machine.producerCount).toBe(3)
  log.timeMs += tableLimits.producerExpiryMs
  for (let at = 0; at < limits.producerPurgeEveryEntries; at++) machine.apply(log.records())
  expect(machine.producerCount).toBe(0)
})

test('judge says what apply would do', () => {
  const log = new LogBuilder()
  const machine = newMachine()
  machine.apply(log.records({ producerId: 7, epoch: 0, sequence: 0 }))
  expect(machine.judge(headerOf({ producerId: 7, epoch: 0, sequence: 1 }), log.timeMs).kind).toBe(
    'next',
  )
  expect(machine.judge(headerOf({ producerId: 7, epoch: 0, sequence: 0 }), log.timeMs)).toEqual({
    kind: 'duplicate',
    offset: 0,
    index: 1,
  })
})

// ── checkpoints ─────────────────────────────────────────────────────────────────────────────────

/** What happens at each index; producers go on where they are, so every log is a valid one. */
const happening = fc.record({
  what: fc.constantFrom(
    'records',
    'records',
    'records',
    'records',
    'anonymous',
    'term',
    'log-start',
    'roll',
  ),
  producerId: fc.integer({ min: 1, max: 6 }),
  count: fc.integer({ min: 1, max: 4 }),
  bump: fc.boolean(),
  waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 900 }), fc.constant(6000)),
})
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never

function buildLog(happenings: readonly Happening[]): LogEntry[] {
  const log = new LogBuilder()
  const machine = newQuick()
  const heads = new Map<number, { epoch: number; sequence: number }>()
  for (const { what, producerId, count, bump, waitMs } of happenings) {
    log.timeMs += waitMs
    if (what === 'term') {
      log.term += 1
      machine.apply(log.termStart())
    } else if (what === 'log-start' || what === 'roll') {
      const start = machine.rolls[Math.floor(machine.rolls.length / 2)] ?? machine.logStart
      machine.apply(log.logStart(what === 'roll' ? { ...machine.logStart, roll: true } : start))
    } else {
      const head = heads.get(producerId) ?? { epoch: 0, sequence: 0 }
      let next = bump ? { epoch: head.epoch + 1, sequence: 0 } : head
      let shape: BatchShape = { producerId, ...next, count, valueBytes: 100 }
      if (machine.judge(headerOf(shape), log.timeMs).kind === 'refused') {
        next = { epoch: head.epoch, sequence: 0 }
        shape = { producerId, ...next, count, valueBytes: 100 }
      }
      const known = machine.judge(headerOf(shape), log.timeMs).kind === 'next' && what === 'records'
      machine.apply(log.records(known ? shape : { count }))
      if (known) heads.set(producerId, { epoch: next.epoch, sequence: next.sequence + count })
    }
  }
  return log.entries
}

const logs = fc.array(happening, { minLength: 1, maxLength: 160, size: 'max' }).map(buildLog)

test('a machine restored from a checkpoint anywhere ends as one that applied the whole log', () => {
  fc.assert(
    fc.property(logs, fc.nat(), (entries, pick) => {
      const cut = pick % (entries.length + 1)
      const whole = newQuick()
      let restored = newQuick()
      for (const [position, entry] of entries.entries()) {
        if (position === cut) {
          const bytes = restored.snapshot()
          restored = PartitionMachine.restore(bytes, quickRule, tableLimits)
          expect(Buffer.from(restored.snapshot()).equals(bytes)).toBe(true)
        }
        expect(restored.apply(entry)).toEqual(whole.apply(entry))
      }
      expect(bytesOf(restored)).toBe(bytesOf(whole))
    }),
    { numRuns: 60 },
  )
})

test('a fork goes its own way and leaves the original alone', () => {
  fc.assert(
    fc.property(logs, fc.nat(), (entries, pick) => {
      const cut = pick % (entries.length + 1)
      const machine = newQuick()
      for (const entry of entries.slice(0, cut)) machine.apply(entry)
      const before = bytesOf(machine)
      const fork = machine.fork()
      for (const entry of entries.slice(cut)) fork.apply(entry)
      expect(bytesOf(machine)).toBe(before)
      for (const entry of entries.slice(cut)) machine.apply(entry)
      expect(bytesOf(fork)).toBe(bytesOf(machine))
    }),
    { numRuns: 40 },
  )
})

describe('bytes that are no snapshot', () => {
  const machine = newMachine()
  for (const entry of buildLog(
    Array.from({ length: 60 }, (_, at) => ({
      what: 'records' as const,
      producerId: 1 + (at % 3),
      count: 2,
      bump: false,
      waitMs: 10,
    })),
  )) {
    machine.apply(entry)
  }
  const bytes = machine.snapshot()
  const codeOf = (damaged: Uint8Array): string => {
    try {
      PartitionMachine.restore(damaged, rule, tableLimits)
      return 'restored'
    } catch (error) {
      return (error as QuorateError).code ?? String(error)
    }
  }

  test('are refused when cut anywhere or continued', () => {
    for (let length = 0; length < bytes.byteLength; length += 7) {
      expect(codeOf(bytes.subarray(0, length))).toBe('QUORATE_STORAGE_DAMAGED')
    }
    expect(codeOf(new Uint8Array([...bytes, 0]))).toBe('QUORATE_STORAGE_DAMAGED')
    expect(codeOf(bytes)).toBe('restored')
  })

  test('are told apart from those of another version', () => {
    const other = bytes.slice()
    other[3] = 2
    expect(codeOf(other)).toBe('QUORATE_FORMAT_VERSION')
    other[0] = 0
    expect(codeOf(other)).toBe('QUORATE_STORAGE_DAMAGED')
  })

  test('never make it throw anything but a QuorateError', () => {
    fc.assert(
      fc.property(fc.nat(bytes.byteLength - 1), fc.nat(255), (position, value) => {
        const damaged = bytes.slice()
        damaged[position] = value
        expect(codeOf(damaged)).toMatch(
          /^(restored|QUORATE_STORAGE_DAMAGED|QUORATE_FORMAT_VERSION)$/,
        )
      }),
      { numRuns: 500 },
    )
  })
})
