// What was left unjudged, so that nobody takes silence for proof. no-final-read: the history has sends,
// and no final read that came to its end. excused: partitions whose damage went beyond the bound.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'

export function checkNotes({ final, sends, operations }: Facts, findings: Findings): void {
  if (final === undefined && sends.length > 0) {
    findings.add('no-final-read', 'nobody read everything there is, up to the end', [])
  }
  for (const { index, excuse } of operations.excuses) {
    const names = excuse.partitions.map(({ topic, partition }) => `${topic}/${partition}`)
    findings.add('excused', `${names.join(', ')}: ${excuse.why}`, [index])
  }
}
