// What readers got. aborted-read (G1a): a record whose send had failed, which means that it is not in
// the log and never will be; unknown is no failure. unsent-read: a value that no send of the history
// has. changed-record: another key, topic or partition than it was sent with; the value is what
// identifies a record. One anomaly per poll and value.
import type { Findings } from '../history/anomaly.ts'
import type { ReadRecord } from '../history/event.ts'
import type { Facts } from '../history/facts.ts'
import type { SendFacts } from '../history/log.ts'

export function checkReads(facts: Facts, findings: Findings): void {
  for (const [value, event] of facts.strangers) {
    findings.add('unsent-read', `${value} was read, and nobody sent it`, [event])
  }
  for (const { outcome, readAt, sent, answerIndex, code = 'no code' } of facts.sends) {
    if (outcome !== 'failed' || readAt < 0) continue
    const text = `${sent.value} was read, and its send had failed (${code})`
    findings.add('aborted-read', text, [answerIndex, readAt])
  }
  for (const [process, steps] of facts.operations.readers) {
    for (const step of steps) {
      if (step.kind === 'assign') continue
      for (const record of step.records) {
        const send = sendOf(facts, record)
        const change = send === undefined ? undefined : changeOf(send, record)
        if (change === undefined) continue
        const text = `${process} read ${record.value} with ${change}`
        findings.add('changed-record', text, [send!.index, step.index])
      }
    }
  }
}

function sendOf(facts: Facts, record: ReadRecord): SendFacts | undefined {
  const place = facts.place(record)
  if (place.told.value === record.value) return place.send
  return facts.operations.byValue.get(record.value)
}

function changeOf({ sent, partition }: SendFacts, record: ReadRecord): string | undefined {
  const { key, topic } = record
  if (key !== sent.key) return `key ${String(key)}, and it was sent with ${String(sent.key)}`
  if (topic !== sent.topic) return `topic ${topic}, and it was sent to ${sent.topic}`
  if (partition < 0 || partition === record.partition) return undefined
  return `partition ${record.partition}, and it was sent to ${partition}`
}
