// What one transaction looks like from inside. int-nonmonotonic-send: of two of its sends to one
// partition, the later one has no higher offset. int-send-skip: between two neighbours of its sends in
// a partition stand records that others sent; legal unless transactions are stored in one piece.
// precommitted-read: it polled a record of its own. Cycles between transactions (G0, G1c), all or
// nothing over partitions, and commits that come late are not judged yet.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog, SendFacts } from '../history/log.ts'
import type { TransactionOperation } from '../history/operations.ts'

export function checkTransactions({ operations }: Facts, findings: Findings): void {
  for (const transaction of operations.transactions) {
    checkSends(transaction.sends, findings)
    checkReads(transaction, findings)
  }
}

function checkSends(sends: readonly SendFacts[], findings: Findings): void {
  const before = new Map<PartitionLog, SendFacts>()
  for (const send of sends) {
    if (send.outcome !== 'acked' || send.offset < 0) continue
    const log = send.log!
    const last = before.get(log)
    before.set(log, send)
    if (last === undefined) continue
    const text = `${last.sent.value} is at ${last.offset}, ${send.sent.value} at ${send.offset}`
    const skipped = log.places.get(send.offset)!.rank - log.places.get(last.offset)!.rank - 1
    const name = skipped < 0 ? 'int-nonmonotonic-send' : 'int-send-skip'
    if (skipped !== 0) findings.add(name, `${log.name}: ${text}`, [send.answerIndex])
  }
}

function checkReads(
  { process, index, sends, polled }: TransactionOperation,
  findings: Findings,
): void {
  if (polled === undefined) return
  const own = new Set(sends.map(({ sent }) => sent.value))
  for (const { value } of polled.records) {
    if (!own.has(value)) continue
    const text = `a transaction of ${process} read ${value}, which it sends itself`
    findings.add('precommitted-read', text, [index, polled.index])
  }
}
