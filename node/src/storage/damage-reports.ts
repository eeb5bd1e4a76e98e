// What an operator is told about damage: the findings of a start and of reads, as they stand now. Holes
// come from the logs themselves, so a repaired one is told as repaired. Knows nothing of repair.
import type { GroupLogState } from './group-log.ts'
import { groupKey } from './log-entry.ts'
import type { DamageReport, LogHole } from './log-hole.ts'
import type { RecoveredStore } from './recovery.ts'

export function damageOf(store: RecoveredStore): readonly DamageReport[] {
  return [...foundAtStart(store), ...store.replicas.flatMap(({ log }) => holesOf(log))]
}

/** All but holes. */
export function foundAtStart(store: RecoveredStore): readonly DamageReport[] {
  const lost = store.lost.map(({ group, replicaId, reason }): DamageReport => {
    const detail = `replica ${replicaId}: ${reason}`
    return { group: groupKey(group), state: 'amnesiac', file: 'hard.A', from: 0, to: 0, detail }
  })
  return [...store.reports, ...lost, ...store.replicas.flatMap(({ reports }) => reports)]
}

function holesOf(log: GroupLogState): DamageReport[] {
  return log.holes().map((hole) => holeReport(log.key, hole, 'faulty'))
}

export function holeReport(
  group: string,
  hole: LogHole,
  state: 'faulty' | 'repaired',
): DamageReport {
  const { file, from, to, firstIndex, lastIndex, evidence, where } = hole
  const what = where === 'checkpoint' ? 'the state at the log start' : 'entries'
  const detail =
    evidence === 'synced' ? `${what} cannot be read` : `${what} were perhaps never written`
  return { group, state, file, from, to, detail, firstIndex, lastIndex }
}

/** Keeps what was found, and which of it is repaired. */
export class DamageBook {
  #fixed: readonly DamageReport[]
  readonly #logs: () => Iterable<GroupLogState>
  readonly #repaired: DamageReport[] = []

  constructor(store: RecoveredStore, logs: () => Iterable<GroupLogState>) {
    this.#fixed = foundAtStart(store)
    this.#logs = logs
  }

  repaired(log: GroupLogState, hole: LogHole): void {
    this.#repaired.push(holeReport(log.key, hole, 'repaired'))
  }

  /** The file was damaged where no entry lies. */
  rewritten(path: string): void {
    this.#fixed = this.#fixed.map((report) => {
      const isOf = report.file === path && report.state === 'faulty'
      return isOf ? { ...report, state: 'repaired' } : report
    })
  }

  tailUnknown(group: string, detail: string): void {
    const report = { group, state: 'unknown-tail', file: '', from: 0, to: 0, detail } as const
    this.#fixed = [...this.#fixed, report]
  }

  tailKnown(group: string): void {
    this.#fixed = this.#fixed.map((report) => {
      const isOf = report.group === group && report.state === 'unknown-tail'
      return isOf ? { ...report, state: 'repaired' } : report
    })
  }

  reports(): readonly DamageReport[] {
    return [...this.#fixed, ...this.#repaired, ...[...this.#logs()].flatMap(holesOf)]
  }
}
