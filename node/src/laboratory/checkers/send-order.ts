// Order of acked sends within a partition, by the offsets in their acks; records of unknown outcome
// have no promised place. nonmonotonic-send: of two sends of one process, the one invoked later has no
// higher offset (within one transaction: transactions.ts). real-time-order: send A was acked before send B, of any process, was invoked, and
// offset(A) > offset(B). Events stand in the order in which they happened, so indexes compare times.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog, SendFacts } from '../history/log.ts'

export function checkSendOrder({ logs }: Facts, findings: Findings): void {
  for (const log of logs) {
    checkProcesses(log, findings)
    checkRealTime(log, findings)
  }
}

function checkProcesses(log: PartitionLog, findings: Findings): void {
  const last = new Map<string, SendFacts>()
  for (const send of log.acked) {
    const before = last.get(send.process)
    if (before !== undefined && before.index < send.index && before.offset >= send.offset) {
      const text = `${send.process} sent ${describe(before)} before ${describe(send)}`
      findings.add('nonmonotonic-send', text, [before.answerIndex, send.answerIndex])
    }
    last.set(send.process, send)
  }
}

function checkRealTime(log: PartitionLog, findings: Findings): void {
  const byAck = [...log.acked].sort((a, b) => a.answerIndex - b.answerIndex)
  let highest: SendFacts | undefined
  let seen = 0
  for (const send of log.acked) {
    for (let acked = byAck[seen]; acked !== undefined; acked = byAck[seen]) {
      if (acked.answerIndex > send.index) break
      if (highest === undefined || acked.offset > highest.offset) highest = acked
      seen += 1
    }
    if (highest === undefined || highest.offset <= send.offset) continue
    const text = `${describe(highest)} was acked before ${describe(send)} was sent`
    findings.add('real-time-order', text, [highest.answerIndex, send.index, send.answerIndex])
  }
}

function describe({ sent, log, offset }: SendFacts): string {
  return `${sent.value} (${log!.name}@${offset})`
}
