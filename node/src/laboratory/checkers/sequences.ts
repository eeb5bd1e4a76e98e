// Numbers of idempotent producers, where the history has them. reused-sequence: two records of one
// partition with the same producer id, epoch and sequence are both at a known place (acked or read).
// fenced-append: a record stands behind one of the same producer id, in the same partition, that has a
// higher epoch: a partition that has seen an epoch takes nothing of an older one.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { SendFacts } from '../history/log.ts'

export function checkSequences({ sends }: Facts, findings: Findings): void {
  const numbered = sends.filter((send) => send.sent.producer !== undefined && isStored(send))
  checkReuse(numbered, findings)
  checkFences(numbered, findings)
}

function checkReuse(sends: readonly SendFacts[], findings: Findings): void {
  const byNumbers = new Map<string, SendFacts>()
  for (const send of sends) {
    const { id, epoch, sequence } = send.sent.producer!
    const numbers = `${laneOf(send)} ${epoch} ${sequence}`
    const first = byNumbers.get(numbers)
    if (first === undefined) {
      byNumbers.set(numbers, send)
      continue
    }
    const text =
      `${first.sent.value} and ${send.sent.value} are stored as ${sequence} of ${id}, ` +
      `epoch ${epoch}, in ${send.log!.name}`
    findings.add('reused-sequence', text, [shownBy(first), shownBy(send)])
  }
}

function checkFences(sends: readonly SendFacts[], findings: Findings): void {
  const newest = new Map<string, SendFacts>()
  for (const send of [...sends].sort((a, b) => a.place!.offset - b.place!.offset)) {
    const fence = newest.get(laneOf(send))
    if (fence === undefined || epochOf(fence) <= epochOf(send)) {
      newest.set(laneOf(send), send)
      continue
    }
    const text =
      `${send.sent.value} of epoch ${epochOf(send)} is behind ${fence.sent.value} of epoch ` +
      `${epochOf(fence)} in ${send.log!.name}`
    findings.add('fenced-append', text, [shownBy(fence), shownBy(send)])
  }
}

/** At a place that is known. */
function isStored({ place }: SendFacts): boolean {
  return place !== undefined
}

/** One producer in one partition. */
function laneOf({ sent, log }: SendFacts): string {
  return `${log!.name} ${sent.producer!.id}`
}

function epochOf({ sent }: SendFacts): number {
  return sent.producer!.epoch
}

/** Event that shows that it is stored. */
function shownBy({ outcome, answerIndex, readAt }: SendFacts): number {
  return outcome === 'acked' ? answerIndex : readAt
}
