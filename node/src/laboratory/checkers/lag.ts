// realtime-lag: how far readers are behind. A poll that asked did not bring the record next to the last
// one that its process has of a partition, though that record had been acked before the poll began.
// One note, for the poll that was furthest behind in time. A poll may bring fewer records than there
// are, so this is no anomaly of a log; it would be one of a fetch that promises to be linearizable.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog, SendFacts } from '../history/log.ts'
import type { Poll } from '../history/operations.ts'

interface Lag {
  readonly process: string
  readonly poll: Poll
  readonly missed: SendFacts
  readonly ms: number
}

export function checkLag(facts: Facts, findings: Findings): void {
  let worst: Lag | undefined
  for (const [process, steps] of facts.operations.readers) {
    /** By partition: rank of the next record. */
    const next = new Map<PartitionLog, number>()
    for (const step of steps) {
      if (step.kind === 'assign') {
        for (const { topic, partition, offset } of step.assignment.positions) {
          const log = facts.log(topic, partition)
          if (offset === null) next.delete(log)
          else next.set(log, log.rankAt(offset))
        }
        continue
      }
      for (const record of step.records) {
        const { log, rank } = facts.place(record)
        next.set(log, rank + 1)
      }
      if (step.invokeIndex < 0) continue
      for (const [log, rank] of next) {
        const missed = missedAt(log, rank, step)
        if (missed === undefined) continue
        const ms = step.invokedMs - missed.answeredMs
        if (worst === undefined || ms > worst.ms) worst = { process, poll: step, missed, ms }
      }
    }
  }
  if (worst === undefined) return
  const { process, poll, missed, ms } = worst
  const text =
    `${process} did not get ${missed.sent.value} (${missed.log!.name}@${missed.offset}), ` +
    `acked ${ms.toFixed(1)} ms before it asked`
  findings.add('realtime-lag', text, [missed.answerIndex, poll.invokeIndex, poll.index])
}

function missedAt(log: PartitionLog, rank: number, poll: Poll): SendFacts | undefined {
  const place = log.dense ? log.places.get(rank) : log.ordered[rank]
  const send = place?.send
  if (send?.outcome !== 'acked' || send.offset !== place!.offset) return undefined
  return send.answerIndex < poll.invokeIndex ? send : undefined
}
