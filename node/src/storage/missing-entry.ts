// The place of an entry that cannot be read, in a log: its identifier is known, its payload is not.
// It takes part in the log like any entry (it counts for the extent, it is truncated, its identifier
// is copied forward), but it has no bytes. Made by recovery and by reads that found damage.
import { emptyChunks } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import { emptyChain } from './chain.ts'
import { EntryType, type LogEntry } from './log-entry.ts'
import type { HoleEvidence } from './log-hole.ts'

/** What was lost at one place of a WAL file; the entries of a hole share one. */
export interface Loss {
  readonly evidence: HoleEvidence
  readonly fileNumber: number
  readonly from: number
  readonly to: number
}

export interface MissingEntry extends LogEntry {
  readonly missing: true
  readonly loss: Loss
}

/** Without a chain: only the last entry of a damaged range has to have one. */
export function missingEntry(
  index: number,
  term: number,
  loss: Loss,
  chain: Chain = emptyChain,
): MissingEntry {
  return {
    index,
    term,
    chain,
    sizeBytes: 0,
    type: EntryType.termStart,
    appendTimeMs: 0,
    payload: emptyChunks,
    payloadCrc: 0,
    baseOffset: -1,
    nextOffset: -1,
    missing: true,
    loss,
  }
}

export function isMissing(entry: LogEntry): entry is MissingEntry {
  return entry.missing === true
}

/** Runs of entries that are there, and of missing ones of one loss and term. */
export function splitMissing(entries: readonly LogEntry[]): (readonly LogEntry[])[] {
  const runs: LogEntry[][] = []
  for (const entry of entries) {
    const run = runs.at(-1)
    if (run !== undefined && belongTogether(run.at(-1)!, entry)) run.push(entry)
    else runs.push([entry])
  }
  return runs
}

function belongTogether(before: LogEntry, entry: LogEntry): boolean {
  if (!isMissing(before) || !isMissing(entry)) return isMissing(before) === isMissing(entry)
  return before.loss === entry.loss && before.term === entry.term
}

export function isChainKnown({ chain }: { readonly chain: Chain }): boolean {
  return chain.high !== 0 || chain.low !== 0
}
