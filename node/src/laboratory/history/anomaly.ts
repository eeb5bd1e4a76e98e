// What can be wrong with a history: the name, how bad it is, and what it means. Definitions in full
// stand in the checkers (../checkers) and in docs/reference/history.md, which a test compares with
// this table. Findings collects what the checkers find.
import type { HistoryHeader } from './event.ts'

export type Severity = 'fatal' | 'note'

export interface Anomaly {
  readonly name: AnomalyName
  readonly severity: Severity
  /** What happened, for people. */
  readonly text: string
  /** Indexes of the events that show it. */
  readonly events: readonly number[]
}

interface Definition {
  readonly severity: Severity | 'fatal when idempotent'
  readonly meaning: string
}

export const anomalyTable = {
  'inconsistent-offsets': {
    severity: 'fatal',
    meaning: 'one offset was told with two values',
  },
  duplicate: {
    severity: 'fatal when idempotent',
    meaning: 'one value stands at two places',
  },
  'moved-record': {
    severity: 'fatal',
    meaning: 'a record is not where its ack says, but elsewhere',
  },
  'lost-write': {
    severity: 'fatal',
    meaning: 'a stored record was passed over by readers, or was there and is gone',
  },
  unseen: {
    severity: 'fatal',
    meaning: 'an acked record was read by nobody, not even in the end',
  },
  'aborted-read': {
    severity: 'fatal',
    meaning: 'a record was read whose send had failed',
  },
  'unsent-read': {
    severity: 'fatal',
    meaning: 'a record was read that nobody sent',
  },
  'changed-record': {
    severity: 'fatal',
    meaning: 'a record was read with another key, topic or partition than it was sent with',
  },
  'split-key': {
    severity: 'fatal',
    meaning: 'records of one key are in two partitions',
  },
  'poll-skip': {
    severity: 'fatal',
    meaning: 'a poll left out records behind the poll before it',
  },
  'nonmonotonic-poll': {
    severity: 'fatal',
    meaning: 'a poll went back behind the poll before it',
  },
  'int-poll-skip': {
    severity: 'fatal',
    meaning: 'one poll left out records between two of its own',
  },
  'int-nonmonotonic-poll': {
    severity: 'fatal',
    meaning: 'one poll went back within itself',
  },
  'nonmonotonic-send': {
    severity: 'fatal',
    meaning: 'of two acked sends of one process, the later one has the lower offset',
  },
  'int-nonmonotonic-send': {
    severity: 'fatal',
    meaning: 'of two sends of one transaction, the later one has the lower offset',
  },
  'real-time-order': {
    severity: 'fatal',
    meaning: 'a send that began after the ack of another one has the lower offset',
  },
  'stale-end': {
    severity: 'fatal',
    meaning: 'a partition was said to end before a record acked earlier',
  },
  'end-went-back': {
    severity: 'fatal',
    meaning: 'a partition was said to end before an end told earlier',
  },
  'reused-sequence': {
    severity: 'fatal',
    meaning: 'two records are stored under one producer, epoch and sequence',
  },
  'fenced-append': {
    severity: 'fatal',
    meaning: 'a record stands behind one of a newer epoch of the same producer',
  },
  'precommitted-read': {
    severity: 'fatal',
    meaning: 'a transaction read a record of its own',
  },
  'double-ack': {
    severity: 'fatal',
    meaning: 'two processes of one group acknowledged one record',
  },
  'delivery-after-ack': {
    severity: 'fatal',
    meaning: 'a record came to a group again after the group had acknowledged it',
  },
  'nonlinearizable-register': {
    severity: 'fatal',
    meaning: 'no order of the calls of a register explains their answers',
  },
  excused: {
    severity: 'note',
    meaning: 'losses in these partitions were not judged: damage went beyond the bound',
  },
  'no-final-read': {
    severity: 'note',
    meaning: 'nobody read everything in the end: losses behind the last read were not judged',
  },
  'int-send-skip': {
    severity: 'note',
    meaning: 'records of others stand between two sends of one transaction',
  },
  'realtime-lag': {
    severity: 'note',
    meaning: 'a poll did not bring a record that was acked before it began; by how long',
  },
  'unchecked-register': {
    severity: 'note',
    meaning: 'the search for an order of the calls of a register gave up',
  },
} as const satisfies Readonly<Record<string, Definition>>

export type AnomalyName = keyof typeof anomalyTable

/** Wrong with the broker, not a note. */
export function isFatal({ severity }: Anomaly): boolean {
  return severity === 'fatal'
}

/** More of one name say nothing new. */
export const sameNameMax = 100

export class Findings {
  readonly #header: HistoryHeader
  readonly #found = new Map<AnomalyName, Anomaly[]>()

  constructor(header: HistoryHeader) {
    this.#header = header
  }

  add(name: AnomalyName, text: string, events: readonly number[]): void {
    const known = this.#found.get(name)
    if (known === undefined) this.#found.set(name, [this.#anomaly(name, text, events)])
    else if (known.length < sameNameMax) known.push(this.#anomaly(name, text, events))
  }

  /** Fatal ones first, in the order of the table. */
  get anomalies(): Anomaly[] {
    const names = Object.keys(anomalyTable) as AnomalyName[]
    const all = names.flatMap((name) => this.#found.get(name) ?? [])
    const ofSeverity = (wanted: Severity) => all.filter(({ severity }) => severity === wanted)
    return [...ofSeverity('fatal'), ...ofSeverity('note')]
  }

  #anomaly(name: AnomalyName, text: string, events: readonly number[]): Anomaly {
    const { severity } = anomalyTable[name]
    const isFatal =
      severity === 'fatal when idempotent' ? this.#header.idempotent : severity === 'fatal'
    return {
      name,
      severity: isFatal ? 'fatal' : 'note',
      text,
      events: [...new Set(events)].filter((event) => event >= 0).sort((a, b) => a - b),
    }
  }
}
