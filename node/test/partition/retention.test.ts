import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PartitionMachine } from '../../src/partition/machine.ts'
import { decideRetention, type RetentionInput } from '../../src/partition/retention.ts'
import { LogBuilder } from './log-builder.ts'

const rule = { segmentBytes: 1000, segmentMs: 3_600_000 }

/** Segments of four batches, one batch a minute. */
function partition(batches: number): { log: LogBuilder; machine: PartitionMachine } {
  const log = new LogBuilder()
  const machine = new PartitionMachine(rule)
  for (let at = 0; at < batches; at++) {
    machine.apply(log.records({ valueBytes: 200 }))
    log.timeMs += 60_000
  }
  return { log, machine }
}

function decide(machine: PartitionMachine, input: Partial<RetentionInput>) {
  return decideRetention({
    machine,
    checkpoints: machine.rolls.map(({ index }) => index),
    replicas: [
      { replicaId: 2, match: machine.applied.index },
      { replicaId: 3, match: machine.applied.index },
    ],
    retentionMs: -1,
    retentionBytes: -1,
    nowMs: machine.lastAppendTimeMs,
    ...input,
  })
}

describe('retention', () => {
  test('retires nothing without limits', () => {
    const { machine } = partition(40)
    expect(machine.rolls.length).toBeGreaterThan(5)
    expect(decide(machine, {})).toEqual({ kind: 'none' })
  })

  test('by age: begins the log behind the last segment that is wholly older', () => {
    const { machine } = partition(40)
    const roll = machine.rolls[2]!
    const nowMs = roll.recordsTimeMs + 600_000 + 1
    const { index, offset, chain } = roll
    expect(decide(machine, { retentionMs: 600_000, nowMs })).toEqual({
      kind: 'advance',
      logStart: { index, offset, chain },
    })
    expect(decide(machine, { retentionMs: 600_000, nowMs: nowMs - 1 })).toMatchObject({
      logStart: { index: machine.rolls[1]!.index },
    })
  })

  test('by age: does nothing with a clock that cannot be trusted', () => {
    const { machine } = partition(40)
    expect(decide(machine, { retentionMs: 1000, nowMs: undefined })).toEqual({ kind: 'none' })
  })

  test('by size: keeps at least that many bytes', () => {
    const { machine } = partition(40)
    const decision = decide(machine, { retentionBytes: 3000 })
    const start = decision.kind === 'advance' ? decision.logStart.index : -1
    const at = machine.rolls.findIndex(({ index }) => index === start)
    expect(machine.logBytes - machine.rolls[at]!.logBytes).toBeGreaterThanOrEqual(3000)
    expect(machine.logBytes - machine.rolls[at + 1]!.logBytes).toBeLessThan(3000)
  })

  test('waits for a replica that has not got there, and names it', () => {
    const { machine } = partition(40)
    const first = machine.rolls[0]!.index
    const replicas = [
      { replicaId: 2, match: machine.applied.index },
      { replicaId: 3, match: first - 1 },
    ]
    expect(decide(machine, { retentionBytes: 0, replicas })).toEqual({
      kind: 'held',
      reason: 'held-back-by-replica',
      replicas: [3],
      wantedIndex: machine.rolls.at(-1)!.index,
    })
  })

  test('goes as far as the slowest replica and the checkpoints allow', () => {
    const { machine } = partition(40)
    const [one, two, three] = machine.rolls.map(({ index }) => index)
    const replicas = [{ replicaId: 2, match: three! - 1 }]
    expect(decide(machine, { retentionBytes: 0, replicas })).toMatchObject({
      logStart: { index: two },
    })
    expect(
      decide(machine, { retentionBytes: 0, replicas, checkpoints: [one!, three!] }),
    ).toMatchObject({
      logStart: { index: one },
    })
    expect(decide(machine, { retentionBytes: 0, replicas, checkpoints: [three!] })).toMatchObject({
      kind: 'held',
      reason: 'held-back-by-checkpoint',
      replicas: [],
    })
  })

  test('closes the open segment of a partition nobody writes to, once, and then retires it', () => {
    const { log, machine } = partition(2)
    const limits = { retentionMs: 600_000, nowMs: log.timeMs + 3_600_000 }
    const first = decide(machine, limits)
    expect(first).toMatchObject({ kind: 'advance', logStart: { index: 0, roll: true } })
    log.timeMs = limits.nowMs
    expect(
      machine.apply(log.logStart(first.kind === 'advance' ? first.logStart : log.begin)).roll,
    ).toBe(true)
    const second = decide(machine, limits)
    expect(second).toMatchObject({ kind: 'advance', logStart: { index: 3, offset: 2 } })
    machine.apply(log.logStart(second.kind === 'advance' ? second.logStart : log.begin))
    expect(machine.logStart.offset).toBe(2)
    expect(decide(machine, { ...limits, nowMs: log.timeMs + 9_000_000 })).toEqual({ kind: 'none' })
  })

  test('what it decides is always what apply accepts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: -1, max: 20 }),
        fc.integer({ min: -1, max: 8000 }),
        fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }),
        (batches, retentionMinutes, retentionBytes, matches) => {
          const { log, machine } = partition(batches)
          const replicas = matches.map((match, at) => ({ replicaId: at + 2, match }))
          const retentionMs = retentionMinutes < 0 ? -1 : retentionMinutes * 60_000
          const decision = decide(machine, {
            retentionMs,
            retentionBytes,
            replicas,
            nowMs: log.timeMs,
          })
          if (decision.kind !== 'advance') return
          const { index } = decision.logStart
          const result = machine.apply(log.logStart(decision.logStart))
          if (decision.logStart.roll === true) expect(result.roll).toBe(true)
          else expect(machine.logStart.index).toBe(index)
          expect(Math.min(...matches)).toBeGreaterThanOrEqual(index)
        },
      ),
      { numRuns: 100 },
    )
  })
})
