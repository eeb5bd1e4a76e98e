// lost-write and unseen: what must be in the log, and is not. A send must have taken effect when it was
// acked, or when its outcome is unknown and some reader had its value.
//
// lost-write, as Jepsen has it: let the bound of a partition be the highest first rank of the values
// that were read. A value of rank at most the bound, and not before everything that anybody began to
// read from, that must be there and was in no read: readers passed it over. And ours: a value that
// must be there, was settled (or read) before the final read began, and is not in that read, though
// somebody had read it before or others behind it.
//
// unseen: acked before the final read began, above the bound, and in no read at all.
//
// Exempt: what retention deleted before the final read, or may have, as nobody was told where it was;
// partitions excused.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog, SendFacts } from '../history/log.ts'

export function checkLost(facts: Facts, findings: Findings): void {
  const spans = new Map(facts.logs.map((log) => [log, { from: Infinity, bound: -1 }]))
  for (const { readAt, place } of facts.sends) {
    if (readAt < 0) continue
    const span = spans.get(place!.log)!
    span.bound = Math.max(span.bound, place!.rank)
    span.from = Math.min(span.from, place!.rank)
  }
  noteBeginnings(facts, spans)
  for (const send of facts.sends) {
    const { log, outcome } = send
    if (log === undefined || log.excused || outcome === 'failed') continue
    if (outcome === 'unknown' && send.readAt < 0) continue
    check(facts, send, log, spans.get(log)!, findings)
  }
}

interface Span {
  /** Lowest rank that somebody began to read from. */
  from: number
  /** Highest rank that was read. */
  bound: number
}

function noteBeginnings({ operations }: Facts, spans: ReadonlyMap<PartitionLog, Span>): void {
  if (spans.size === 0) return
  const byName = new Map([...spans].map(([log, span]) => [log.name, { log, span }]))
  for (const steps of operations.readers.values()) {
    for (const step of steps) {
      if (step.kind === 'poll') continue
      for (const { topic, partition, offset } of step.assignment.positions) {
        const { log, span } = byName.get(`${topic}/${partition}`)!
        if (offset !== null) span.from = Math.min(span.from, log.rankAt(offset))
      }
    }
  }
}

function check(
  facts: Facts,
  send: SendFacts,
  log: PartitionLog,
  { from, bound }: Span,
  findings: Findings,
): void {
  const { place, readAt, inFinal, answerIndex, outcome, sent } = send
  if (place === undefined ? facts.hasRetired(log) : facts.isRetired(place)) return
  const at = place === undefined ? log.name : `${log.name}@${place.offset}`
  const lastRank = Math.max(place?.rank ?? Infinity, ...(send.otherPlaces ?? []).map(rankOf))
  const wasPassed = readAt < 0 && lastRank <= bound && lastRank >= from
  const isAbsent = mustBeInFinal(facts, send, log) && !inFinal
  if (wasPassed || (isAbsent && readAt >= 0)) {
    const why = readAt < 0 ? 'and readers went past it' : `was read, and is not there in the end`
    findings.add('lost-write', `${outcome} ${sent.value} (${at}) ${why}`, [answerIndex, readAt])
  } else if (isAbsent) {
    findings.add('unseen', `acked ${sent.value} (${at}) is not there in the end`, [answerIndex])
  }
}

/** Known to be stored before the final read of its partition began. */
function mustBeInFinal({ final }: Facts, send: SendFacts, log: PartitionLog): boolean {
  if (final === undefined || log.finalStart === undefined) return false
  const { outcome, answerIndex, readAt } = send
  const isAcked = outcome === 'acked' && answerIndex < final.index
  return isAcked || (readAt >= 0 && readAt < final.index)
}

function rankOf({ rank }: { readonly rank: number }): number {
  return rank
}
