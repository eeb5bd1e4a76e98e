// Which records of the workload are in some bytes, in few words: what a trace says of messages and
// writes. Values are recognised by their marks (cluster/values.ts).
import { valueMarks } from '../cluster/values.ts'

const namedMax = 4

/** ` with <p0-1> <p0-2>`; nothing when there are none. */
export function recordsText(pieces: readonly Uint8Array[]): string {
  const marks = pieces.flatMap((piece) => valueMarks(piece))
  if (marks.length === 0) return ''
  const more = marks.length > namedMax ? ` and ${marks.length - namedMax} more` : ''
  return ` with ${marks.slice(0, namedMax).join(' ')}${more}`
}
