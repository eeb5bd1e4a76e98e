// A fault plan as plain data: what cluster is built, what is sent, and which faults happen when. It
// is JSON so that a failing plan outlives the code that drew it; every fault is total (it does
// nothing when its target is gone), so any subset of the steps is a plan again. Here are its shape
// and its check; targets.ts and faults.ts carry it out.
import { type FaultName, faultTable, isDetail, isFault } from './fault-table.ts'
import { limitNames, limitRanges, type PlanLimits } from './plan-limits.ts'
import { isProvoked, type Provoked } from './probe-table.ts'
import { parseTarget, type TargetKind } from './target-grammar.ts'

export const planVersion = 1

export interface Plan {
  readonly version: 1
  /** Key of every random number of the run. */
  readonly seed: number
  readonly nodes: 1 | 3 | 5
  readonly settings: PlanSettings
  readonly workload: Workload
  readonly steps: readonly Step[]
  /** How much damage the plan may do; default: within the bound that a cluster survives. */
  readonly damage?: 'within' | 'beyond'
  /**
   * Who comes back when the faults are over; default all. The others stay away for good. `bridge`: as
   * majority, but of five nodes one, a leader if there is one, stays up without a majority, and
   * reaches one of the others.
   */
  readonly heal?: 'all' | 'majority' | 'bridge'
  /** Sites in nodes and clients where rare choices are made for them; default none. */
  readonly provoke?: Provoked
}

/** Knobs of the world and of the cluster, each within a range that a user could meet. */
export interface PlanSettings extends PlanLimits {
  readonly heartbeatMs: number
  readonly electionTimeoutMinMs: number
  readonly electionTimeoutMaxMs: number
  /** Entry bytes of one append; 1 sends every entry alone. */
  readonly appendBytesMax: number
  /** Appends on their way to one peer. */
  readonly inflightMessagesMax: number
  /** One way. */
  readonly latencyMinMs: number
  readonly latencyMaxMs: number
  /** How many of a thousand arrivals come in two arbitrary pieces. */
  readonly splitPerMille: number
  /** Time of one disk operation. */
  readonly diskMinMs: number
  readonly diskMaxMs: number
  readonly walFileBytes: number
  readonly segmentBytes: number
  /** Size of a partition above which its oldest segments are deleted; 0 keeps everything. */
  readonly retentionBytes: number
  /** Committed entries kept in memory: 0 reads everything back from disk. */
  readonly cacheBytesMax: number
  /** The client sends a write again when it has no answer by then. */
  readonly writeTimeoutMs: number
  readonly deliveryTimeoutMs: number
}

export interface Workload {
  /** How long producers send; faults begin within this time. */
  readonly durationMs: number
  readonly partitions: number
  readonly replicas: 1 | 3 | 5
  readonly producers: number
  /** Each producer sends every so many milliseconds … */
  readonly everyMs: number
  /** … this many records. */
  readonly burst: number
  readonly valueBytes: number
  /** Distinct keys of a producer; 0 sends without keys. */
  readonly keys: number
  /** Pause between requests that create and delete other topics; 0 leaves them out. */
  readonly churnEveryMs: number
  /** Each client asks every so many milliseconds where a partition ends. Default 350. */
  readonly endsEveryMs?: number
}

export interface Step {
  /** Since producers began to send. */
  readonly atMs: number
  readonly fault: FaultName
  /** Grammar: target-grammar.ts. */
  readonly target: string
  /** Until the fault is undone; 0 for faults that are over at once. */
  readonly forMs: number
  /** Kind of file or number of the operation, for faults that want one: fault-table.ts. */
  readonly detail?: string
}

/** Longest simulated time of the faulted phase. */
export const durationMsMax = 600_000

type Range = readonly [min: number, max: number]

const settingRanges: { readonly [Name in keyof Required<PlanSettings>]: Range } = {
  heartbeatMs: [1, 10_000],
  electionTimeoutMinMs: [3, 60_000],
  electionTimeoutMaxMs: [3, 60_000],
  appendBytesMax: [1, 8 * 1024 * 1024],
  inflightMessagesMax: [1, 1024],
  latencyMinMs: [0, 10_000],
  latencyMaxMs: [0, 10_000],
  splitPerMille: [0, 1000],
  diskMinMs: [0, 10_000],
  diskMaxMs: [0, 10_000],
  walFileBytes: [64 * 1024, 64 * 1024 * 1024],
  segmentBytes: [16 * 1024, 1024 * 1024 * 1024],
  retentionBytes: [0, 1024 * 1024 * 1024],
  cacheBytesMax: [0, 1024 * 1024 * 1024],
  writeTimeoutMs: [10, 60_000],
  deliveryTimeoutMs: [10, 600_000],
  ...limitRanges,
}

const recordOverheadBytes = 128

/** Settings that plans of earlier versions do not have. */
const optionalSettings: ReadonlySet<string> = new Set<string>([...limitNames, 'endsEveryMs'])

const workloadRanges: { readonly [Name in keyof Required<Workload>]: Range } = {
  durationMs: [1, durationMsMax],
  partitions: [1, 100],
  replicas: [1, 5],
  producers: [1, 100],
  everyMs: [1, 60_000],
  burst: [1, 1_000],
  valueBytes: [1, 100_000],
  keys: [0, 10_000],
  churnEveryMs: [0, 60_000],
  endsEveryMs: [1, 60_000],
}

/** Throws an Error that names the first field that is wrong. */
export function parsePlan(value: unknown): Plan {
  const plan = objectOf(value, 'plan')
  if (plan['version'] !== planVersion) throw wrong('version', plan['version'])
  const nodes = plan['nodes']
  if (nodes !== 1 && nodes !== 3 && nodes !== 5) throw wrong('nodes', nodes)
  const settings = numbersOf<PlanSettings>(plan['settings'], 'settings', settingRanges)
  const workload = numbersOf<Workload>(plan['workload'], 'workload', workloadRanges)
  if (settings.electionTimeoutMinMs < 3 * settings.heartbeatMs) {
    throw wrong('settings.electionTimeoutMinMs', settings.electionTimeoutMinMs)
  }
  if (settings.retentionBytes > 0 && settings.retentionBytes < settings.segmentBytes) {
    throw wrong('settings.retentionBytes', settings.retentionBytes)
  }
  ascending(settings.electionTimeoutMinMs, settings.electionTimeoutMaxMs, 'electionTimeoutMaxMs')
  ascending(settings.latencyMinMs, settings.latencyMaxMs, 'latencyMaxMs')
  ascending(settings.diskMinMs, settings.diskMaxMs, 'diskMaxMs')
  if (workload.replicas % 2 === 0 || workload.replicas > nodes) {
    throw wrong('workload.replicas', workload.replicas)
  }
  // A record and its batch's header fit.
  const { batchBytes = Number.POSITIVE_INFINITY } = settings
  if (batchBytes < workload.valueBytes + recordOverheadBytes) {
    throw wrong('settings.batchBytes', batchBytes)
  }
  const steps = plan['steps']
  if (!Array.isArray(steps)) throw wrong('steps', steps)
  return {
    version: planVersion,
    seed: numberOf(plan['seed'], 'seed', [0, Number.MAX_SAFE_INTEGER]),
    nodes,
    settings,
    workload,
    steps: steps.map((step, position) => parseStep(step, `steps[${position}]`)),
    ...choiceOf(plan, 'damage', ['within', 'beyond']),
    ...choiceOf(plan, 'heal', ['all', 'majority', 'bridge']),
    ...provokeOf(plan['provoke']),
  }
}

/** A field that may be absent. */
function choiceOf<Name extends string, const Choice extends string>(
  plan: Record<string, unknown>,
  name: Name,
  choices: readonly Choice[],
): { readonly [Key in Name]?: Choice } {
  const value = plan[name]
  if (value === undefined) return {}
  if (!choices.includes(value as Choice)) throw wrong(name, value)
  return { [name]: value } as { readonly [Key in Name]?: Choice }
}

function provokeOf(value: unknown): Pick<Plan, 'provoke'> {
  if (value === undefined) return {}
  if (!isProvoked(value)) throw wrong('provoke', value)
  return { provoke: value }
}

function parseStep(value: unknown, name: string): Step {
  const { atMs, fault, target, forMs, detail } = objectOf(value, name)
  if (!isFault(fault)) throw wrong(`${name}.fault`, fault)
  if (typeof target !== 'string') throw wrong(`${name}.target`, target)
  const kind = parseTarget(target)?.kind
  const allowed: readonly TargetKind[] = faultTable[fault].targets
  if (kind === undefined || !allowed.includes(kind)) {
    throw wrong(`${name}.target`, target)
  }
  if (!isDetail(fault, detail)) throw wrong(`${name}.detail`, detail)
  return {
    atMs: numberOf(atMs, `${name}.atMs`, [0, durationMsMax]),
    fault,
    target,
    forMs: numberOf(forMs, `${name}.forMs`, [0, durationMsMax]),
    ...(detail === undefined ? {} : { detail: String(detail) }),
  }
}

/** Exactly the named fields, each an integer in its range. */
function numbersOf<Shape extends object>(
  value: unknown,
  name: string,
  ranges: { readonly [Name in keyof Shape]: Range },
): Shape {
  const found = objectOf(value, name)
  const unknown = Object.keys(found).find((key) => !Object.hasOwn(ranges, key))
  if (unknown !== undefined) throw new Error(`plan: ${name}.${unknown} is no setting`)
  const entries = Object.entries<Range>(ranges).flatMap(([key, range]) => {
    if (found[key] === undefined && optionalSettings.has(key)) return []
    return [[key, numberOf(found[key], `${name}.${key}`, range)]]
  })
  return Object.fromEntries(entries) as Shape
}

function numberOf(value: unknown, name: string, [min, max]: Range): number {
  if (!Number.isSafeInteger(value) || Number(value) < min || Number(value) > max) {
    throw wrong(name, value)
  }
  return Number(value)
}

function ascending(min: number, max: number, name: string): void {
  if (min > max) throw wrong(`settings.${name}`, max)
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, value)
  return value as Record<string, unknown>
}

function wrong(name: string, value: unknown): Error {
  return new Error(`plan: ${name} cannot be ${JSON.stringify(value)}`)
}
