// `quorate chaos run` as a user starts it: real processes under load with every kind of fault, judged
// by the same checker as simulated runs; and nothing is left behind, also when it is interrupted.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@quorate/client'
import {
  type CommandResult,
  drawProcessPlan,
  type Plan,
  quorate,
  temporaryFolder,
  waitUntil,
} from 'quorate/laboratory'
import { expect, onTestFinished, test } from 'vitest'

const canMount = process.platform === 'linux' && process.getuid?.() === 0
const rate = 300
const waitOptions = { timeoutMs: 30_000 }

/** No node is ended or paused twice: one that is down already would not notice. */
const steps: Plan['steps'] = [
  { atMs: 1_000, fault: 'flip', target: 'node:0', forMs: 100, detail: 'wal' },
  { atMs: 4_000, fault: 'kill', target: 'node:1', forMs: 500 },
  { atMs: 7_000, fault: 'pause', target: 'node:2', forMs: 1_500 },
  { atMs: 10_000, fault: 'isolate', target: 'leader:2', forMs: 1_500 },
  { atMs: 12_500, fault: 'full-disk', target: 'follower:0:1', forMs: 1_500 },
  { atMs: 13_000, fault: 'jump-clock', target: 'all', forMs: 1_000 },
]
/** Nothing strikes while the test looks. */
const late: Plan['steps'] = [{ atMs: 500_000, fault: 'kill', target: 'all', forMs: 0 }]

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
  expect(report.longestGap.ms).toBeGreaterThan(0)
  expect(leftBehind()).toEqual([])

  const checked = await quorate(['chaos', 'check', history])
  expect(checked).toMatchObject({ exitCode: 0 })
})

test('a node that ends by itself is a violation; Ctrl-C ends the faults, what has happened is judged, and nothing is left behind', async () => {
  const { folder, scratch, run, command, leftBehind } = chaosIn(600_000, late)
  const running = run([])
  const killed = await waitUntil('records flow', () => nodeUnderLoad(scratch), waitOptions)
  process.kill(killed, 'SIGKILL')
  const restarted = () => {
    const nodes = processesOf('server start', scratch)
    return nodes.length === 3 && nodes.every(({ pid }) => pid !== killed)
  }
  await waitUntil('the node was started again', restarted, waitOptions)
  process.kill(command(), 'SIGINT')
  const { exitCode, stdout } = await running
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    anomalies: [],
    violations: [expect.stringMatching(/^n\d ended by itself/)],
  })
  expect(leftBehind()).toEqual([])
  // A violated run keeps its history where it was started.
  const { exitCode: checked } = await quorate(['chaos', 'check', 'chaos-run-1.history.jsonl'], {
    folder,
  })
  expect(checked).toBe(0)
})

test('when the command itself is killed its nodes end', async () => {
  const { scratch, run, command } = chaosIn(600_000, late)
  const running = run([])
  await waitUntil('records flow', () => nodeUnderLoad(scratch), waitOptions)
  process.kill(command(), 'SIGKILL')
  expect((await running).exitCode).toBeNull()
  await waitUntil(
    'all nodes have ended',
    () => processesOf('server start', scratch).length === 0,
    waitOptions,
  )
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
    quorate([...words, ...more], { environment: { TMPDIR: scratch }, folder, timeoutMs: 90_000 })
  const leftBehind = () => [
    // Node.js keeps its compile cache there too.
    ...readdirSync(scratch).filter((name) => name.startsWith('quorate-')),
    ...processesOf('server start', scratch),
    ...(existsSync('/proc/mounts') ? mountsBelow(scratch) : []),
  ]
  const command = () => processesOf('chaos run --plan', folder)[0]!.pid
  return { folder, scratch, run, command, leftBehind }
}

/** Id of a node process, once three of them run and store records. */
async function nodeUnderLoad(scratch: string): Promise<number | undefined> {
  const nodes = processesOf('server start', scratch)
  if (nodes.length < 3) return undefined
  const { pid, line } = nodes[0]!
  const client = await connect(`nats://${/--listen (\S+)/.exec(line)![1]}`)
  try {
    const ends = await client.admin.offsets('chaos', { at: 'latest' })
    return ends.every(({ offset }) => offset > 0) ? pid : undefined
  } finally {
    await client.close()
  }
}

/** Processes whose command has these words and names the folder. */
function processesOf(words: string, folder: string): { pid: number; line: string }[] {
  return execFileSync('ps', ['-eo', 'pid=,args=', '-ww'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(words) && line.includes(folder))
    .map((line) => ({ pid: Number.parseInt(line, 10), line }))
}

function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder))
}
