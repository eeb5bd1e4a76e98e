// How much simulated time one core gets through: a large cluster under a steady load with every check
// on, without faults and with some of each kind; and what an ordinary plan of the chaos runs costs.
// Everything happens in this process, on one thread; what is counted is CPU time, as others may use
// the machine.
import { type Plan, planOfSeed, type RunResult, runPlan } from 'quorate/laboratory'
import type { Outcome, Table } from './report.ts'
import { median, rounded, thousands } from './statistics.ts'

interface Run {
  readonly name: string
  readonly round: number
  readonly plans: number
  readonly simulatedSeconds: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly events: number
  readonly acked: number
}

const loadSeconds = 60
const ordinaryPlans = 20

/** 5 nodes, 19 partitions of 3 replicas and the metadata group of 5, 500 sends a second in all. */
const load: Plan = {
  version: 1,
  seed: 1,
  nodes: 5,
  settings: {
    heartbeatMs: 100,
    electionTimeoutMinMs: 600,
    electionTimeoutMaxMs: 900,
    appendBytesMax: 512 * 1024,
    inflightMessagesMax: 64,
    latencyMinMs: 0,
    latencyMaxMs: 1,
    splitPerMille: 0,
    diskMinMs: 0,
    diskMaxMs: 1,
    walFileBytes: 4 * 1024 * 1024,
    segmentBytes: 1024 * 1024,
    retentionBytes: 0,
    cacheBytesMax: 16 * 1024 * 1024,
    writeTimeoutMs: 2_000,
    deliveryTimeoutMs: 30_000,
  },
  workload: {
    durationMs: loadSeconds * 1_000,
    partitions: 19,
    replicas: 3,
    producers: 10,
    everyMs: 20,
    burst: 1,
    valueBytes: 100,
    keys: 0,
    churnEveryMs: 0,
  },
  steps: [],
}

const someFaults: Plan['steps'] = [
  { atMs: 5_000, fault: 'kill', target: 'leader:0', forMs: 2_000 },
  { atMs: 12_000, fault: 'isolate', target: 'leader:1', forMs: 3_000 },
  { atMs: 18_000, fault: 'pause', target: 'follower:2:0', forMs: 2_000 },
  { atMs: 24_000, fault: 'power', target: 'node:2', forMs: 2_000 },
  { atMs: 30_000, fault: 'cut', target: 'node:0/node:1', forMs: 3_000 },
  { atMs: 36_000, fault: 'reset', target: 'all', forMs: 0 },
  { atMs: 42_000, fault: 'delay', target: 'all', forMs: 2_000 },
  { atMs: 48_000, fault: 'kill', target: 'minority:0', forMs: 2_000 },
]

const cases: Readonly<Record<string, () => readonly Plan[]>> = {
  '5 nodes × 20 groups, 500 sends/s, no faults': () => [load],
  '5 nodes × 20 groups, 500 sends/s, 8 faults': () => [{ ...load, steps: someFaults }],
  [`ordinary plans 1 to ${ordinaryPlans}`]: () =>
    Array.from({ length: ordinaryPlans }, (_, number) => planOfSeed(number + 1)),
}

export function simulation(rounds: number): Promise<Outcome> {
  const runs: Run[] = []
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, plans] of Object.entries(cases)) {
      const run = measured(name, round, plans())
      runs.push(run)
      process.stderr.write(
        `${round}. ${name}: ${rounded(perCore(run))} simulated s per s and core\n`,
      )
    }
  }
  return Promise.resolve({
    tables: [summary(runs)],
    raw: { runs },
    place: 'The whole cluster runs in one process, on one thread.',
  })
}

function measured(name: string, round: number, plans: readonly Plan[]): Run {
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const results = plans.map((plan) => runPlan(plan))
  const { user, system } = process.cpuUsage(cpu)
  const wallSeconds = (performance.now() - startMs) / 1000
  const violations = results.flatMap((result) => result.violations)
  if (violations.length > 0) throw new Error(`${name}: ${violations.join('; ')}`)
  const sum = (of: (result: RunResult) => number) =>
    results.reduce((total, result) => total + of(result), 0)
  return {
    name,
    round,
    plans: plans.length,
    simulatedSeconds: sum(({ simulatedMs }) => simulatedMs) / 1000,
    cpuSeconds: (user + system) / 1e6,
    wallSeconds,
    events: sum(({ events }) => events),
    acked: sum(({ acked }) => acked),
  }
}

function perCore({ simulatedSeconds, cpuSeconds }: Run): number {
  return simulatedSeconds / cpuSeconds
}

function summary(runs: readonly Run[]): Table {
  return {
    title: 'Simulated time, all checks on',
    columns: [
      '',
      'simulated s per s and core',
      'of each round',
      'CPU s per plan',
      'simulated s per plan',
      'events per CPU s',
      'acked per plan',
    ],
    rows: Object.keys(cases).map((name) => {
      const own = runs.filter((run) => run.name === name)
      const middle = (of: (run: Run) => number) => median(own.map(of))
      return [
        name,
        rounded(middle(perCore)),
        own.map((run) => rounded(perCore(run))).join(' '),
        rounded(middle(({ cpuSeconds, plans }) => cpuSeconds / plans)),
        rounded(middle(({ simulatedSeconds, plans }) => simulatedSeconds / plans)),
        thousands(middle(({ events, cpuSeconds }) => events / cpuSeconds)),
        thousands(middle(({ acked, plans }) => acked / plans)),
      ]
    }),
    note:
      `Medians over the rounds. A plan is a whole run: the cluster forms, clients send for ${loadSeconds} s (an\n` +
      'ordinary plan for 10 to 15 s), faults are healed, everything is read back and checked.',
  }
}
