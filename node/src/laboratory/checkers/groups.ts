// Records as consumer groups deal with them. double-ack: a record was acknowledged for one group by two
// processes. delivery-after-ack: a poll for a group brought a record and began after the
// acknowledgement of that record, for the group, had been answered. A poll without an invocation
// begins when it comes.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { AckOperation } from '../history/operations.ts'

export function checkGroups({ operations }: Facts, findings: Findings): void {
  if (operations.acks.length === 0) return
  const acks = new Map<string, AckOperation>()
  for (const each of operations.acks) {
    if (each.outcome !== 'acked') continue
    const { group, topic, partition, offset } = each.ack
    const record = `${group} ${topic}/${partition}@${offset}`
    const first = acks.get(record)
    if (first === undefined || each.answerIndex < first.answerIndex) acks.set(record, each)
    if (first === undefined || first.process === each.process) continue
    const text = `${record} was acknowledged by ${first.process} and by ${each.process}`
    findings.add('double-ack', text, [first.answerIndex, each.answerIndex])
  }
  for (const [process, steps] of operations.readers) {
    for (const step of steps) {
      if (step.kind === 'assign' || step.group === undefined) continue
      const begun = step.invokeIndex < 0 ? step.index : step.invokeIndex
      for (const { topic, partition, offset } of step.records) {
        const record = `${step.group} ${topic}/${partition}@${offset}`
        const ack = acks.get(record)
        if (ack === undefined || ack.answerIndex > begun) continue
        const text = `${record} came to ${process} after ${ack.process} had acknowledged it`
        findings.add('delivery-after-ack', text, [ack.answerIndex, step.index])
      }
    }
  }
}
