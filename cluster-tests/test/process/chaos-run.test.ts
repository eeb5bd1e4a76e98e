// `quorate chaos run` as a user starts it: real processes under load with every kind of fault, judged
// by the same checker as simulated runs; and nothing is left behind, also when it is interrupted.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CommandResult,
  drawProcessPlan,
  isRunning,
  type Plan,
  quorate,
  temporaryFolder,
  waitUntil,
} from 'quorate/laboratory'
import { expect, onTestFinished, test } from 'vitest'

const canMount = process.platform === 'linux' && process.getuid?.() === 0
const rate = 300

const steps: Plan['steps'] = [
  { atMs: 1_000, fault: 'flip', target: 'follower:0:0', forMs: 100, detail: 'wal' },
  { atMs: 4_000, fault: 'kill', target: 'leader:0', forMs: 500 },
  { atMs: 7_000, fault: 'pause', target: 'leader:1', forMs: 1_500 },
  { atMs: 10_000, fault: 'isolate', target: 'leader:2', forMs: 1_500 },
  { atMs: 12_500, fault: 'full-disk', target: 'follower:0:1', forMs: 1_500 },
  { atMs: 13_000, fault: 'jump-clock', target: 'all', forMs: 1_000 },
]

test('three processes under load with damage, kill, pause, partition and a full disk violate nothing, and the check of the written history says the same', async () => {
  const { folder, run, leftBehind } = chaosIn(15_000, steps)
  const history = join(folder, 'history.jsonl')
  const { exitCode, stdout, stderr } = await run(['--history', history])
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const report = JSON.parse(stdout)
  const fullDisk = canMount ? { 'full-disk': 1 } : {}
  expect(report).toMatchObject({
    faults: { flip: 1, kill: 1, pause: 1, isolate: 1, ...fullDisk },
    skipped: { 'jump-clock': expect.stringContaining('clock') },
    damaged: [{ file: expect.stringContaining('wal-') }],
    anomalies: [],
    violations: [],
  })
  expect(report.acked).toBeGreaterThan(10 * rate)
  expect(report.unknown + report.failed).toBeLessThan(report.acked / 10)
  // Two readers follow, and one reads all in the end.
  expect(report.read).toBeGreaterThan(2 * report.acked)
  expect(report.longestGapMs).toBeGreaterThan(0)
  expect(leftBehind()).toEqual([])

  const checked = await quorate(['chaos', 'check', history])
  expect(checked).toMatchObject({ exitCode: 0 })
})

test('Ctrl-C ends the faults, what has happened is judged, and nothing is left behind', async () => {
  const { folder, run, leftBehind } = chaosIn(600_000, steps.slice(0, 1))
  const running = run([])
  const pid = await waitUntil('the run loads its nodes', () => busyRun(folder))
  process.kill(pid, 'SIGINT')
  const { exitCode, stdout } = await running
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ violations: [], steps: 1 })
  expect(leftBehind()).toEqual([])
})

/** A plan in a folder of its own, where the run puts everything. */
function chaosIn(durationMs: number, planned: Plan['steps']) {
  const folder = temporaryFolder('chaos-test')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const scratch = join(folder, 'tmp')
  mkdirSync(scratch)
  const drawn = drawProcessPlan({ seed: 1, nodes: 3, durationMs, partitions: 3, faults: [] })
  const plan = join(folder, 'plan.json')
  writeFileSync(plan, JSON.stringify({ ...drawn, steps: planned }))
  const words = ['chaos', 'run', '--plan', plan, '--rate', String(rate), '-o', 'json']
  const run = (more: readonly string[]): Promise<CommandResult> =>
    quorate([...words, ...more], { environment: { TMPDIR: scratch }, timeoutMs: 90_000 })
  const leftBehind = () => [
    // Node.js keeps its compile cache there too.
    ...readdirSync(scratch).filter((name) => name.startsWith('quorate-')),
    ...processesOf(scratch),
    ...(existsSync('/proc/mounts') ? mountsBelow(scratch) : []),
  ]
  return { folder, run, leftBehind }
}

/** Id of the command, once its three nodes run. */
function busyRun(folder: string): number | undefined {
  const nodes = processesOf(join(folder, 'tmp')).filter((line) => line.includes('server start'))
  const [command = ''] = processesOf(join(folder, 'plan.json'))
  const pid = Number.parseInt(command, 10)
  return nodes.length === 3 && isRunning(pid) ? pid : undefined
}

/** Lines of id and command that name the folder. */
function processesOf(folder: string): string[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  return lines.map((line) => line.trim()).filter((line) => line.includes(folder))
}

function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))
}
