// Reading for recovery: a place that the device cannot read counts as bytes that are not what was
// written, never as a reason to stop. Knows nothing of what the bytes mean; every caller verifies.
import { DiskError, type DiskFile } from './disk.ts'

/** What is left unread when the device reports an error is tried in pieces of this size. */
const pieceBytes = 4096

/** Fills `into` as far as the file goes and returns how far; what cannot be read becomes zeros. */
export function readBytesSync(file: DiskFile, into: Uint8Array, position: number): number {
  try {
    return file.readSync(into, position)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
  }
  const end = Math.min(into.byteLength, Math.max(file.sizeSync() - position, 0))
  for (let at = 0; at < end; at += pieceBytes) {
    const piece = into.subarray(at, Math.min(at + pieceBytes, end))
    try {
      file.readSync(piece, position + at)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      piece.fill(0)
    }
  }
  return end
}
