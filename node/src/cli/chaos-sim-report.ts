// What `quorate chaos sim` says in the end, as a JSON document and as lines for people.
import type { Frequency, Tally, Violation } from '../laboratory/runs/tally.ts'
import { table } from './output.ts'

export interface SimReport {
  /** The last one that changed what a run is made of. */
  readonly commit: string
  readonly kind: string
  readonly firstSeed: number
  readonly lastSeed: number
  readonly plans: number
  /** Plans of at least 10 simulated seconds and 100 acknowledged sends in which a fault took effect. */
  readonly counted: number
  readonly zeroAcks: number
  readonly wallSeconds: number
  readonly simulatedSeconds: number
  readonly events: number
  readonly acked: number
  readonly unknown: number
  readonly notApplied: number
  readonly faults: Readonly<Record<string, Frequency>>
  /** Rare branches reached and rare choices made, by the name of their probe. */
  readonly coverage: Readonly<Record<string, Frequency>>
  readonly violations: readonly Violation[]
  /** File with the first plan that failed, made smaller. */
  readonly plan?: string
  /** Of each seed, in their order. */
  readonly hashes: readonly string[]
}

export interface Circumstances {
  readonly commit: string
  readonly wallSeconds: number
  readonly plan: string | undefined
}

export function simReport(tally: Tally, { commit, wallSeconds, plan }: Circumstances): SimReport {
  const { kind, firstSeed, plans, counted, zeroAcks, simulatedMs, events } = tally
  const { acked, unknown, notApplied, faults, coverage, violations, hashes } = tally
  return {
    commit,
    kind,
    firstSeed,
    lastSeed: firstSeed + plans - 1,
    plans,
    counted,
    zeroAcks,
    wallSeconds: rounded(wallSeconds),
    simulatedSeconds: rounded(simulatedMs / 1000),
    events,
    acked,
    unknown,
    notApplied,
    faults,
    coverage,
    violations,
    ...(plan === undefined ? {} : { plan }),
    hashes,
  }
}

export function simReportLines(report: SimReport): string[] {
  const { commit, kind, firstSeed, lastSeed, plans, counted, zeroAcks, faults, coverage } = report
  const { wallSeconds, simulatedSeconds, acked, unknown, notApplied, violations, plan } = report
  const speed = wallSeconds === 0 ? 0 : simulatedSeconds / wallSeconds
  return [
    `${kind} plans ${firstSeed} to ${lastSeed} at commit ${commit}`,
    `plans: ${plans}, ${counted} of them count, ${zeroAcks} acknowledged nothing`,
    `simulated: ${simulatedSeconds} s in ${wallSeconds} s, ${rounded(speed)} times as fast`,
    `sends: ${acked} acked, ${unknown} unknown, ${notApplied} not applied`,
    ...frequencyLines('fault', faults),
    ...frequencyLines('probe', coverage),
    ...violations.flatMap(({ seed, texts }) => texts.map((text) => `plan ${seed}: ${text}`)),
    violations.length === 0 ? 'nothing violated' : `VIOLATED by ${violations.length} plans`,
    ...(plan === undefined ? [] : [`again: npx quorate chaos replay ${plan} --trace`]),
  ]
}

/** What never happened is left out. */
function frequencyLines(name: string, frequencies: Readonly<Record<string, Frequency>>): string[] {
  const rows = Object.entries(frequencies)
    .filter(([, { times }]) => times > 0)
    .map(([key, { seeds, times }]) => ({ [name]: key, plans: seeds, times }))
  return rows.length === 0 ? [] : ['', table(rows), '']
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
