// The end of a partition, the offset its next record will get, as the broker tells it. stale-end: the
// question began after a record had been acked, and the answer is at or below that record's offset.
// end-went-back: the question began after an answer, to any process, with a higher end. Ends only
// grow, so both bounds are the highest one known when the question began.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { PartitionLog, SendFacts } from '../history/log.ts'
import type { EndQuery } from '../history/operations.ts'

export function checkEnds(facts: Facts, findings: Findings): void {
  const byLog = new Map<PartitionLog, EndQuery[]>()
  for (const query of facts.operations.ends) {
    if (query.offset < 0) continue
    const log = facts.log(query.of.topic, query.of.partition)
    const queries = byLog.get(log)
    if (queries === undefined) byLog.set(log, [query])
    else queries.push(query)
  }
  for (const [log, queries] of byLog) {
    if (!log.excused) checkLog(log, queries, findings)
  }
}

function checkLog(log: PartitionLog, queries: readonly EndQuery[], findings: Findings): void {
  const acks = new Highest(log.acked)
  const ends = new Highest(queries)
  for (const query of queries) {
    const { process, offset, index, answerIndex } = query
    const told = `${process} was told that ${log.name} ends at ${offset}`
    const acked: SendFacts | undefined = acks.before(index)
    if (acked !== undefined && offset <= acked.offset) {
      const text = `${told}; ${acked.sent.value} had been acked at ${acked.offset}`
      findings.add('stale-end', text, [acked.answerIndex, index, answerIndex])
    }
    const ended: EndQuery | undefined = ends.before(index)
    if (ended !== undefined && offset < ended.offset) {
      const text = `${told}; ${ended.process} had been told ${ended.offset}`
      findings.add('end-went-back', text, [ended.answerIndex, index, answerIndex])
    }
  }
}

interface Answered {
  readonly answerIndex: number
  readonly offset: number
}

/** The highest offset of all that was answered before an event; events must come in order. */
class Highest<Each extends Answered> {
  readonly #byAnswer: readonly Each[]
  #seen = 0
  #highest: Each | undefined

  constructor(answered: readonly Each[]) {
    this.#byAnswer = [...answered].sort((a, b) => a.answerIndex - b.answerIndex)
  }

  before(index: number): Each | undefined {
    for (let each = this.#byAnswer[this.#seen]; each !== undefined; ) {
      if (each.answerIndex > index) break
      if (this.#highest === undefined || each.offset > this.#highest.offset) this.#highest = each
      this.#seen += 1
      each = this.#byAnswer[this.#seen]
    }
    return this.#highest
  }
}
