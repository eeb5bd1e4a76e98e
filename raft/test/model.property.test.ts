// Random schedules under the checker of ../src/testing: election safety, log matching, leader
// completeness, committed entries never change, commit counts synced copies, nothing is promised
// before it is durable, reads are linearizable, one change of members at a time; and when the faults
// are over, the group has the members it is to have and makes progress again. `RAFT_SEED=… npx vitest run --project raft model` plays a failure again.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { raftProbes } from '../src/probes.ts'
import { Provoking } from './provoking.ts'
import { play } from './run.ts'
import { anySchedule, type Schedule } from './schedule.ts'

const seed = process.env['RAFT_SEED']
const runs = Number(process.env['RAFT_RUNS'] ?? 800)

const seen = {
  leaders: 0,
  committed: 0,
  reads: 0,
  readBacks: 0,
  joint: 0,
  left: 0,
  lostConfigurations: 0,
  handedOver: 0,
  installs: 0,
}

function playAndCount(schedule: Schedule): void {
  const cluster = play(schedule, (_id, input, effects) => {
    if (input.type === 'entries-read') seen.readBacks++
    const handsOver = effects.some(
      (effect) => effect.type === 'send' && effect.message.type === 'timeout-now',
    )
    for (const effect of effects) {
      if (effect.type === 'persist') {
        if (effect.snapshot !== undefined) seen.installs++
        const isLost = effect.truncateAfter !== undefined
        if (isLost && effects.some(({ type }) => type === 'configuration'))
          seen.lostConfigurations++
      } else if (effect.type === 'propose-configuration') seen.left++
      else if (effect.type === 'configuration' && effect.committed) {
        if (effect.configuration.outgoing !== undefined) seen.joint++
        if (handsOver) seen.handedOver++
      }
    }
  })
  seen.leaders += cluster.checker.leaders.size
  seen.committed += cluster.checker.committed.length
  for (const { index } of cluster.reads) if (index >= 0) seen.reads++
}

describe('random schedules', () => {
  test(
    'keep every property at every step, and the group recovers when the faults end',
    () => {
      fc.assert(fc.property(anySchedule, playAndCount), {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      })
      // The mix reaches what it is there for.
      expect(seen.leaders).toBeGreaterThan(2 * runs)
      expect(seen.committed).toBeGreaterThan(10 * runs)
      expect(seen.reads).toBeGreaterThan(runs / 2)
      expect(seen.readBacks).toBeGreaterThan(0)
      expect(seen.joint).toBeGreaterThan(runs / 2)
      expect(seen.left).toBeGreaterThan(runs / 10)
      expect(seen.installs).toBeGreaterThan(runs / 20)
      expect(seen.lostConfigurations).toBeGreaterThan(0)
      expect(seen.handedOver).toBeGreaterThan(runs / 80)
      // A long run asked for by RAFT_RUNS takes about 8 ms a schedule.
    },
    Math.max(60_000, 30 * runs),
  )

  test(
    'keep every property when rare choices are made for the core too',
    () => {
      const met = new Set<string>()
      const property = fc.property(anySchedule, (schedule) => {
        const provoking = new Provoking(schedule.seed)
        play(schedule, undefined, provoking)
        for (const name of provoking.met) met.add(name)
      })
      fc.assert(property, {
        numRuns: Math.ceil(runs / 2),
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      })
      const sites = Object.keys(raftProbes.provoke)
      expect(sites.filter((site) => !met.has(site))).toEqual([])
    },
    Math.max(60_000, 30 * runs),
  )
})
