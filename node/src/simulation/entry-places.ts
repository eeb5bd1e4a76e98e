// Where one entry lies on a simulated disk: every copy of it in WAL files and segments, found by its
// chain hash in the bytes themselves, so that a plan can damage one committed entry wherever it is.
// Knows nothing of what a start would read; damageable-files.ts says which files there are.
import { viewOf } from '@quorate/protocol'
import { decodeEntryHeader, entryHeaderBytes } from '../storage/entry-format.ts'
import { damageableFiles } from './damageable-files.ts'
import { syncedImage } from './intact-copies.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export interface EntryPlace {
  readonly path: string
  /** First byte of its payload in the file. */
  readonly payloadAt: number
  readonly payloadBytes: number
  /** -1 for an entry without records. */
  readonly baseOffset: number
}

/** Of the chain in an entry header. */
const chainAt = 32

/** `chain`: 16 hex digits, as `chainText` gives them. */
export function entryPlaces(
  disk: SimulatedDisk,
  folder: string,
  entry: { readonly index: number; readonly chain: string },
): EntryPlace[] {
  const image = syncedImage(disk)
  const wanted = Buffer.from(entry.chain, 'hex')
  return damageableFiles(disk, folder)
    .filter(({ kind }) => kind === 'wal' || kind === 'segment')
    .flatMap(({ path }) => {
      const bytes = image.bytes(path)!
      return headersOf(bytes, wanted)
        .map((position) => ({ position, header: decodeEntryHeader(viewOf(bytes), position) }))
        .flatMap(({ position, header }) => {
          if (header?.index !== entry.index) return []
          const { payloadBytes, baseOffset } = header
          return [{ path, payloadAt: position + entryHeaderBytes, payloadBytes, baseOffset }]
        })
    })
}

/** Positions at which a header with this chain may begin. */
function headersOf(bytes: Uint8Array, chain: Buffer): number[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const positions: number[] = []
  let found = text.indexOf(chain)
  while (found !== -1) {
    const position = found - chainAt
    if (position >= 0 && position + entryHeaderBytes <= bytes.byteLength) positions.push(position)
    found = text.indexOf(chain, found + 1)
  }
  return positions
}
