// The values a workload sends: unique in a run, and recognisable in the bytes of any file that holds
// them, because batches are stored as they were sent and these are not compressed.

/** A record that was acked, and where. */
export interface AckedRecord {
  readonly value: string
  readonly partition: number
  /** -1 when the ack names none. */
  readonly offset: number
}

/** `producer` and `sequence` make it unique. */
export function makeValue(producer: number, sequence: number, sizeBytes: number): string {
  return `<p${producer}-${sequence}>`.padEnd(sizeBytes, '.')
}

export function valueMark(value: string): string {
  return value.slice(0, value.indexOf('>') + 1)
}

const markStart = Buffer.from('<p')
const markEnd = '>'.charCodeAt(0)
const markBytesMax = 32

/** Marks of all values in these bytes. */
export function valueMarks(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: string[] = []
  for (let at = text.indexOf(markStart); at !== -1; at = text.indexOf(markStart, at + 1)) {
    const end = text.indexOf(markEnd, at)
    if (end !== -1 && end - at < markBytesMax) found.push(text.toString('latin1', at, end + 1))
  }
  return found
}
