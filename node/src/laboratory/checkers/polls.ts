// What each process reads is the log, in order. By rank (the offset itself in a dense topic, else how
// many known records come before): poll-skip, nonmonotonic-poll: the first record of a partition in a
// poll is more than one rank, or less than one, behind the last one that the process got of that
// partition, or behind where it was assigned to. int-poll-skip, int-nonmonotonic-poll: the same
// between two records of one poll. An assignment starts a partition anew, whatever was read before:
// that is how a rebalance moves positions. Holds for excused partitions, too.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog } from '../history/log.ts'
import type { Poll } from '../history/operations.ts'

export function checkPolls(facts: Facts, findings: Findings): void {
  for (const [process, steps] of facts.operations.readers) {
    const places = new Map<PartitionLog, LastPlace>()
    for (const step of steps) {
      if (step.kind === 'assign') {
        for (const { topic, partition, offset } of step.assignment.positions) {
          const log = facts.log(topic, partition)
          if (offset === null) places.delete(log)
          else places.set(log, { next: log.rankAt(offset), event: step.index, offset: undefined })
        }
      } else checkPoll(facts, process, step, places, findings)
    }
  }
}

/** Where a process is in a partition. */
interface LastPlace {
  /** Rank of the record it must get next. */
  next: number
  /** Event that brought it there. */
  event: number
  /** The record it got; undefined: none since the assignment. */
  offset: number | undefined
}

function checkPoll(
  facts: Facts,
  process: string,
  { index, records }: Poll,
  places: Map<PartitionLog, LastPlace>,
  findings: Findings,
): void {
  for (const record of records) {
    const { log, rank, offset } = facts.place(record)
    const last = places.get(log)
    if (last === undefined) {
      places.set(log, { next: rank + 1, event: index, offset })
      continue
    }
    if (rank !== last.next) {
      const kind = rank > last.next ? 'poll-skip' : 'nonmonotonic-poll'
      const before =
        last.offset === undefined ? 'the place it was assigned to' : `offset ${last.offset}`
      const text = `${process} read ${log.name}@${offset} next to ${before}`
      findings.add(last.event === index ? `int-${kind}` : kind, text, [last.event, index])
    }
    last.next = rank + 1
    last.event = index
    last.offset = offset
  }
}
