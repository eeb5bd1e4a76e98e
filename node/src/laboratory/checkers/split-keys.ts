// split-key: two records of one topic with the same key are in different partitions, where the client
// chose both partitions by the key. Records whose partition was asked for have no say.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { SendFacts } from '../history/log.ts'

export function checkSplitKeys(facts: Facts, findings: Findings): void {
  const byTopic = new Map<string, Map<string, SendFacts>>()
  for (const send of facts.sends) {
    const { topic, key, partition } = send.sent
    if (key === undefined || partition !== undefined || send.log === undefined) continue
    let keys = byTopic.get(topic)
    if (keys === undefined) {
      keys = new Map()
      byTopic.set(topic, keys)
    }
    const first = keys.get(key)
    if (first === undefined) keys.set(key, send)
    else if (first.log !== send.log) {
      const text =
        `key ${key}: ${first.sent.value} is in ${first.log!.name}, ` +
        `${send.sent.value} is in ${send.log.name}`
      findings.add('split-key', text, [first, send].map(shownBy))
    }
  }
}

/** Event that shows the partition. */
function shownBy({ readAt, outcome, answerIndex }: SendFacts): number {
  return outcome === 'acked' ? answerIndex : readAt
}
