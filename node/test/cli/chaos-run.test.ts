import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type RunOptions, runChaos } from '../../src/cli/chaos-run.ts'
import { progressLine, RunProgress, reportLines } from '../../src/cli/chaos-run-text.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import type { ChaosProgress, ChaosReport } from '../../src/laboratory/processes/chaos-report.ts'
import { drawProcessPlan } from '../../src/laboratory/processes/draw-process-plan.ts'

const usual: RunOptions = {
  nodes: '3',
  minutes: '10',
  rate: '1000',
  faults: 'kill',
  seed: '1',
  output: 'table',
}

const progress: ChaosProgress = {
  phase: 'faults',
  elapsedMs: 150_000,
  acked: 149_000,
  unknown: 0,
  faults: 31,
  active: 2,
  nodesUp: 2,
  nodes: 3,
  violations: 0,
}

const report: ChaosReport = {
  seed: 7,
  nodes: 3,
  minutes: 10,
  rate: 1000,
  wallSeconds: 612.3,
  steps: 200,
  faults: { kill: 12, pause: 30 },
  struck: [],
  skipped: { 'full-disk': 'no small disks could be mounted' },
  sent: 600_000,
  acked: 599_990,
  unknown: 8,
  failed: 2,
  read: 1_800_000,
  longestGap: { partition: 2, fromMs: 61_000, ms: 8123 },
  damaged: [],
  ownEnds: [],
  anomalies: [],
  violations: [],
}

describe('chaos run refuses', () => {
  test.each([
    ['an even number of nodes', { nodes: '4' }, /--nodes is 3 or 5/],
    ['one node, which survives nothing', { nodes: '1' }, /--nodes/],
    ['power', { faults: 'kill,power' }, /power of this machine cannot be cut/],
    ['a fault there is not', { faults: 'fire' }, /--faults: kill, pause, partition/],
    ['no time', { minutes: '0' }, /--minutes/],
    ['a plan there is not', { plan: '/nowhere/plan.json' }, /there is no file/],
  ])('%s', async (_what, options, message) => {
    const running = runChaos({ ...usual, ...options })
    await expect(running).rejects.toThrow(UsageError)
    await expect(running).rejects.toThrow(message)
  })

  test.each([
    ['one node', { nodes: 1 }, 1, /one node survives nothing/],
    ['faults of simulated worlds alone', { steps: [] }, 3, /real processes can have none/],
  ])('a plan of %s', async (_what, changes, replicas, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-plan-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const drawing = { seed: 1, nodes: 3, durationMs: 60_000, partitions: 1 } as const
    const plan = drawProcessPlan({ ...drawing, faults: ['kill'] })
    const changed = { ...plan, ...changes, workload: { ...plan.workload, replicas } }
    const file = join(folder, 'plan.json')
    writeFileSync(file, JSON.stringify(changed))
    await expect(runChaos({ ...usual, plan: file })).rejects.toThrow(message)
  })
})

describe('chaos run shows', () => {
  test('how much time is left, the rate, faults, nodes and violations in one line', () => {
    const line = progressLine(progress, 600_000, 997)
    expect(line).toBe(
      '[#####...............] 7:30 left, 997 acked/s, 31 faults (2 now), 2/3 nodes up, 0 violations',
    )
    expect(progressLine({ ...progress, phase: 'healing' }, 600_000, 0)).toContain('] healing,')
  })

  test('faults above that line on a terminal, and none elsewhere', () => {
    const shown = (isTTY: boolean) => {
      let text = ''
      const write = (more: string) => {
        text += more
      }
      const shows = new RunProgress({ write, isTTY }, { progress }, 600_000)
      shows.say('kill n1 for 200 ms')
      shows.end()
      return text
    }
    expect(shown(true)).toContain('kill n1 for 200 ms\n')
    expect(shown(false)).toBe('')
  })

  test('in the end what took effect, what was skipped, and each violation', () => {
    const good = reportLines(report, {})
    expect(good).toContain('sends: 599990 acked, 8 unknown, 2 not stored')
    expect(good).toContain('skipped full-disk: no small disks could be mounted')
    expect(good.at(-1)).toBe('nothing violated')
    const violations = ['lost-write: <p1-2> is gone']
    const bad = reportLines({ ...report, violations }, { history: 'h.jsonl' })
    expect(bad).toContain('violation: lost-write: <p1-2> is gone')
    expect(bad).toContain('history: h.jsonl; again: quorate chaos check h.jsonl')
    expect(bad.at(-1)).toBe('VIOLATED: 1')
  })
})
