// Cuts a run of file bytes, fed in blocks of any size, into entries. Payloads refer to the blocks,
// nothing is joined. Finds damage in headers; payloads and chain are the caller's to verify.
// Used for segments and the WAL alike, by reading (log-reader.ts), recovery and dump.
import { type Chunks, emptyChunks, viewOf } from '@quorate/protocol'
import { decodeEntryHeader, type EntryHeader, entryHeaderBytes } from './entry-format.ts'

export interface ScannedEntry {
  readonly header: EntryHeader
  readonly payload: Chunks
  /** Of the header's first byte in the file. */
  readonly position: number
}

export class EntryScanner {
  #position: number
  #pieces: Uint8Array[] = []
  /** Bytes of `#pieces[0]` that are used up. */
  #within = 0
  #available = 0
  #header: EntryHeader | undefined

  /** `position`: where in the file the first byte lies that will be fed. */
  constructor(position: number) {
    this.#position = position
  }

  /** Of the next entry, or of the damage that `next` reported. */
  get position(): number {
    return this.#position
  }

  /** Bytes still missing for the next entry, as far as it is known: ask for at least so many. */
  get missingBytes(): number {
    const wanted = entryHeaderBytes + (this.#header?.payloadBytes ?? 0)
    return Math.max(wanted - this.#available, 0)
  }

  /** The scanner keeps references to the block: it must not be written again. */
  feed(block: Uint8Array): void {
    if (block.byteLength === 0) return
    this.#pieces.push(block)
    this.#available += block.byteLength
  }

  /** Undefined: more bytes are needed. */
  next(): ScannedEntry | 'damaged' | undefined {
    if (this.#header === undefined) {
      if (this.#available < entryHeaderBytes) return undefined
      this.#header = decodeEntryHeader(viewOf(this.#peekHeader()), 0)
      if (this.#header === undefined) return 'damaged'
    }
    const header = this.#header
    if (this.#available < header.sizeBytes) return undefined
    this.#take(entryHeaderBytes)
    const payload = this.#take(header.payloadBytes)
    const position = this.#position
    this.#position += header.sizeBytes
    this.#header = undefined
    return { header, payload, position }
  }

  #peekHeader(): Uint8Array {
    const first = this.#pieces[0]!
    if (first.byteLength - this.#within >= entryHeaderBytes) {
      return first.subarray(this.#within, this.#within + entryHeaderBytes)
    }
    const joined = new Uint8Array(entryHeaderBytes)
    let filled = 0
    let within = this.#within
    for (const piece of this.#pieces) {
      const part = piece.subarray(within, within + entryHeaderBytes - filled)
      joined.set(part, filled)
      filled += part.byteLength
      within = 0
      if (filled === entryHeaderBytes) break
    }
    return joined
  }

  #take(byteLength: number): Chunks {
    if (byteLength === 0) return emptyChunks
    const taken: Uint8Array[] = []
    let wanted = byteLength
    let used = 0
    while (wanted > 0) {
      const piece = this.#pieces[used]!
      const end = Math.min(this.#within + wanted, piece.byteLength)
      taken.push(piece.subarray(this.#within, end))
      wanted -= end - this.#within
      this.#within = end
      if (end === piece.byteLength) {
        used += 1
        this.#within = 0
      }
    }
    if (used > 0) this.#pieces.splice(0, used)
    this.#available -= byteLength
    return { pieces: taken, byteLength }
  }
}
