// Faults as plain data: what happens to whom, when, and for how long. A plan is JSON, so that one that
// was found outlives the code that drew it. Every fault is total: without a target, or against one that
// does not run, it does nothing, so any part of a list is a list again. fault-runner.ts carries it out.
import { invalid } from './invalid.ts'

interface FaultRow {
  /** Roles it can be aimed at. */
  readonly targets: readonly TargetRole[]
  readonly meaning: string
}

export type TargetRole = 'node' | 'leader' | 'process' | 'client'

export const faultTable = {
  crash: {
    targets: ['node', 'leader', 'process'],
    meaning: 'it is killed, and started again `forMs` later',
  },
  power: {
    targets: ['node', 'leader'],
    meaning: 'as crash, and what was not synced is lost',
  },
  stop: {
    targets: ['node', 'leader', 'process'],
    meaning: 'it is told to end, as by SIGTERM, and started again `forMs` later',
  },
  pause: {
    targets: ['node', 'leader', 'process'],
    meaning: 'it stands still, as under SIGSTOP, for `forMs`',
  },
  partition: {
    targets: ['node', 'leader', 'process', 'client'],
    meaning: 'nothing gets from or to it for `forMs`',
  },
  skewClock: {
    targets: ['node', 'leader', 'process'],
    meaning: 'its calendar is 7 s ahead for `forMs`',
  },
  corrupt: {
    targets: ['node', 'leader'],
    meaning: 'one bit of one of its files changes, within what the cluster survives',
  },
  fillDisk: {
    targets: ['node', 'leader'],
    meaning: 'its disk is full for `forMs`: its files cannot grow',
  },
} as const satisfies Readonly<Record<string, FaultRow>>

/** What can happen. */
export type FaultKind = keyof typeof faultTable

/** All kinds of faults. */
export const faultKinds = Object.keys(faultTable) as readonly FaultKind[]

/** One fault of a list. */
export interface Fault {
  /** Virtual milliseconds since `underFaults` was called. */
  readonly atMs: number
  /** What happens. */
  readonly fault: FaultKind
  /**
   * A name, or a role at the moment of the fault: `leader:0` leads the first partition (of all topics,
   * in order of their first elections), `leader:metadata`, `node:0` is the first node, `process:0` the
   * first process, `client:0` the first client. Numbers count round.
   */
  readonly target: string
  /** Until it is undone. */
  readonly forMs: number
  /**
   * For `crash` of a process: it dies once so many of its calls (of client, store and `sleep`) have
   * taken effect after `atMs`, at the moment before its code hears of the last.
   */
  readonly afterCalls?: number
}

/** All that a run of `chaosTest` draws. */
export interface FaultPlan {
  /** Of the format. */
  readonly version: 1
  /** Of the cluster. */
  readonly seed: number
  /** Of the cluster. */
  readonly nodes: 1 | 3 | 5
  /** In any order. */
  readonly faults: readonly Fault[]
}

export type FaultTarget =
  | { readonly role: TargetRole; readonly number: number }
  | { readonly role: 'leader'; readonly number: 'metadata' }
  | { readonly role: 'name'; readonly name: string }

/** Undefined for text that is neither a role nor a possible name. */
export function parseTarget(text: string): FaultTarget | undefined {
  if (text === 'leader:metadata') return { role: 'leader', number: 'metadata' }
  const role = /^(node|leader|process|client):(\d{1,6})$/.exec(text)
  if (role !== null) return { role: role[1] as TargetRole, number: Number(role[2]) }
  return /^[\w.-]{1,64}$/.test(text) ? { role: 'name', name: text } : undefined
}

const longestMs = 3_600_000

/** The plan, checked. Throws QUORATE_INVALID_ARGUMENT that names the first field that is wrong. */
export function parseFaultPlan(value: unknown): FaultPlan {
  const { version, seed, nodes, faults } = objectOf(value, 'plan')
  if (version !== 1) throw wrong('version', version)
  if (nodes !== 1 && nodes !== 3 && nodes !== 5) throw wrong('nodes', nodes)
  if (!Array.isArray(faults)) throw wrong('faults', faults)
  return {
    version,
    seed: wholeNumber(seed, 'seed', 0, Number.MAX_SAFE_INTEGER),
    nodes,
    faults: faults.map((fault, position) => parseFault(fault, `faults[${position}]`)),
  }
}

/** One fault, checked in the same way; `name` is how errors call it. */
export function parseFault(value: unknown, name: string): Fault {
  const { atMs, fault, target, forMs, afterCalls } = objectOf(value, name)
  const kind = faultKinds.find((each) => each === fault)
  if (kind === undefined) throw wrong(`${name}.fault`, fault)
  const aimed = typeof target === 'string' ? parseTarget(target) : undefined
  if (aimed === undefined) throw wrong(`${name}.target`, target)
  const roles: readonly TargetRole[] = faultTable[kind].targets
  if (aimed.role !== 'name' && !roles.includes(aimed.role)) throw wrong(`${name}.target`, target)
  const checked = {
    atMs: wholeNumber(atMs, `${name}.atMs`, 0, longestMs),
    fault: kind,
    target: String(target),
    forMs: wholeNumber(forMs, `${name}.forMs`, 0, longestMs),
  }
  if (afterCalls === undefined) return checked
  if (kind !== 'crash') throw wrong(`${name}.afterCalls`, afterCalls)
  return { ...checked, afterCalls: wholeNumber(afterCalls, `${name}.afterCalls`, 1, 1_000_000) }
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, value)
  return value as Record<string, unknown>
}

function wholeNumber(value: unknown, name: string, min: number, max: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
    return Number(value)
  }
  throw wrong(name, value)
}

function wrong(name: string, value: unknown): Error {
  return invalid(`fault plan: ${name} cannot be ${JSON.stringify(value)}`)
}
