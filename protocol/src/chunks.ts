// A run of bytes that lies in several buffers. Record bytes travel through client, node, disk and
// peers as chunks so that nobody joins them: a socket chunk is referenced from arrival to the
// gathered write. Knows nothing of what the bytes mean.

/** Immutable list of byte pieces with their total length. */
export interface Chunks {
  readonly pieces: readonly Uint8Array[]
  readonly byteLength: number
}

export const emptyChunks: Chunks = { pieces: [], byteLength: 0 }

export function chunksOf(...pieces: Uint8Array[]): Chunks {
  let byteLength = 0
  for (const piece of pieces) byteLength += piece.byteLength
  return { pieces, byteLength }
}

/** Bytes [start, end) by reference; pieces are subarrays, nothing is copied. */
export function sliceChunks(
  chunks: Chunks,
  start: number,
  end: number = chunks.byteLength,
): Chunks {
  if (start < 0 || end > chunks.byteLength || start > end) {
    throw new RangeError(`slice ${start}..${end} of ${chunks.byteLength} bytes`)
  }
  const pieces: Uint8Array[] = []
  let position = 0
  for (const piece of chunks.pieces) {
    const from = Math.max(start - position, 0)
    const to = Math.min(end - position, piece.byteLength)
    if (from < to) {
      pieces.push(from === 0 && to === piece.byteLength ? piece : piece.subarray(from, to))
    }
    position += piece.byteLength
    if (position >= end) break
  }
  return { pieces, byteLength: end - start }
}

/** The bytes in one buffer: the piece itself when there is one, else a copy. For small runs. */
export function joinChunks(chunks: Chunks): Uint8Array {
  if (chunks.pieces.length === 1) return chunks.pieces[0]!
  const joined = new Uint8Array(chunks.byteLength)
  let position = 0
  for (const piece of chunks.pieces) {
    joined.set(piece, position)
    position += piece.byteLength
  }
  return joined
}
