// The end of a partition as its leader tells it: linearizable, so it never goes back and never
// misses a record that was acked before the question was asked.
import { ackedSends, type History } from '../history/history.ts'

export function checkPositions(history: History): string[] {
  const known = [
    ...ackedSends(history).map(({ partition, settledMs, offset }) => ({
      partition,
      atMs: settledMs,
      offset: offset + 1,
      what: `offset ${offset} was acked`,
    })),
    ...history.positions.map(({ partition, answeredMs, offset }) => ({
      partition,
      atMs: answeredMs,
      offset,
      what: `the end was ${offset}`,
    })),
  ].sort((a, b) => a.atMs - b.atMs)
  const asked = [...history.positions].sort((a, b) => a.invokedMs - b.invokedMs)
  const highest = new Map<number, (typeof known)[number]>()
  const violations: string[] = []
  let seen = 0
  for (const { client, partition, invokedMs, answeredMs, offset } of asked) {
    for (let fact = known[seen]; fact !== undefined && fact.atMs < invokedMs; fact = known[seen]) {
      if (fact.offset > (highest.get(fact.partition)?.offset ?? 0)) {
        highest.set(fact.partition, fact)
      }
      seen += 1
    }
    const bound = highest.get(partition)
    if (bound === undefined || offset >= bound.offset) continue
    violations.push(
      `client ${client} was told at ${answeredMs} ms that partition ${partition} ends at ` +
        `${offset}; ${bound.what} at ${bound.atMs} ms, and it asked at ${invokedMs} ms`,
    )
  }
  return violations
}
