// Random schedules under the checker of ../src/testing: election safety, log matching, leader
// completeness, committed entries never change, commit counts synced copies, nothing is promised
// before it is durable, reads are linearizable; and when the faults are over, the group makes
// progress again. `RAFT_SEED=… npx vitest run --project raft model` plays a failure again.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anySchedule, play, type Schedule } from './schedule.ts'

const seed = process.env['RAFT_SEED']
const runs = Number(process.env['RAFT_RUNS'] ?? 800)

const seen = { leaders: 0, committed: 0, reads: 0, readBacks: 0 }

function playAndCount(schedule: Schedule): void {
  const cluster = play(schedule, (_id, input) => {
    if (input.type === 'entries-read') seen.readBacks++
  })
  seen.leaders += cluster.checker.leaders.size
  seen.committed += cluster.checker.committed.length
  for (const { index } of cluster.reads) if (index >= 0) seen.reads++
}

describe('random schedules', () => {
  test('keep every property at every step, and the group recovers when the faults end', () => {
    fc.assert(fc.property(anySchedule, playAndCount), {
      numRuns: runs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    })
    // The mix reaches what it is there for.
    expect(seen.leaders).toBeGreaterThan(2 * runs)
    expect(seen.committed).toBeGreaterThan(10 * runs)
    expect(seen.reads).toBeGreaterThan(runs / 2)
    expect(seen.readBacks).toBeGreaterThan(0)
  }, 60_000)
})
