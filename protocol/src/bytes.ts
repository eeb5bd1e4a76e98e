// Memory and 64-bit fields for the encoders of this package. A 64-bit integer is a Number, two
// 32-bit halves through DataView, because a BigInt costs eight times as much per field. Values
// beyond 2^53 - 1 are refused on both ways, never rounded. Big-endian, as everything on Kafka's
// wire and on ours.

const high = 0x1_0000_0000

export function writeUint64(view: DataView, position: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a uint53: ${value}`)
  view.setUint32(position, Math.floor(value / high))
  view.setUint32(position + 4, value % high)
}

/** Throws RangeError above 2^53 - 1. */
export function readUint64(view: DataView, position: number): number {
  const value = view.getUint32(position) * high + view.getUint32(position + 4)
  if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('integer above 2^53 - 1')
  return value
}

export function writeInt64(view: DataView, position: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`)
  const upper = Math.floor(value / high)
  view.setInt32(position, upper)
  view.setUint32(position + 4, value - upper * high)
}

/** Throws RangeError outside of ±(2^53 - 1). */
export function readInt64(view: DataView, position: number): number {
  const value = view.getInt32(position) * high + view.getUint32(position + 4)
  if (!Number.isSafeInteger(value)) throw new RangeError('integer outside of ±(2^53 - 1)')
  return value
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Memory that is not cleared: the caller writes every byte. Clearing costs more than encoding.
 * Short runs come out of a shared slab.
 */
export function allocate(byteLength: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(byteLength)
  return new Uint8Array(buffer.buffer, buffer.byteOffset, byteLength)
}
