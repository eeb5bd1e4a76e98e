// Small facts of a node as a text file: one line of JSON, then the CRC-32C of that line as 8 hex
// digits. People can read it, damage is noticed. Used twice over for identity and manifest. Knows
// nothing of what the JSON says.
import { crc32c } from '@quorate/protocol'
import type { Disk } from './disk.ts'
import { readBytesSync } from './read-bytes.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function encodeCheckedText(value: unknown): Uint8Array {
  const line = `${JSON.stringify(value)}\n`
  const crc = crc32c(encoder.encode(line)).toString(16).padStart(8, '0')
  return encoder.encode(`${line}${crc}\n`)
}

/** Undefined when the bytes are not what `encodeCheckedText` makes. */
export function decodeCheckedText(bytes: Uint8Array): unknown {
  const trailerBytes = 9
  const lineBytes = bytes.byteLength - trailerBytes
  if (lineBytes < 1) return undefined
  const line = bytes.subarray(0, lineBytes)
  try {
    const trailer = decoder.decode(bytes.subarray(lineBytes))
    if (trailer !== `${crc32c(line).toString(16).padStart(8, '0')}\n`) return undefined
    return JSON.parse(decoder.decode(line))
  } catch {
    return undefined
  }
}

/** The fields of a file of this kind and version; undefined for what is none. */
export function checkedFields(
  bytes: Uint8Array,
  { magic, formatVersion }: { readonly magic: string; readonly formatVersion: number },
): Readonly<Record<string, unknown>> | undefined {
  const found = decodeCheckedText(bytes)
  if (typeof found !== 'object' || found === null) return undefined
  const fields = found as Readonly<Record<string, unknown>>
  const isIt = fields['magic'] === magic && fields['formatVersion'] === formatVersion
  return isIt ? fields : undefined
}

/** Undefined when there is no such file. What the device cannot read is zeros. */
export function readFileSync(disk: Disk, path: string): Uint8Array | undefined {
  if (!disk.existsSync(path)) return undefined
  const file = disk.openSync(path, 'read')
  try {
    const bytes = new Uint8Array(file.sizeSync())
    return bytes.subarray(0, readBytesSync(file, bytes, 0))
  } finally {
    file.close()
  }
}

/**
 * As `readFileSync`, for a file of this kind: what does not decode is read once more, since a read may
 * go wrong although the file is good. Without that one wrong read of each copy would end the node.
 */
export function readCheckedFileSync(disk: Disk, path: string): Uint8Array | undefined {
  const bytes = readFileSync(disk, path)
  if (bytes === undefined || decodeCheckedText(bytes) !== undefined) return bytes
  return readFileSync(disk, path)
}

/** Creates the file with this content and syncs it; not its name. */
export function writeNewFileSync(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.openSync(path, 'create')
  try {
    file.writeSync(bytes, 0)
    file.syncSync()
  } finally {
    file.close()
  }
}

/** Replaces the file so that either the old or the new content is found after a crash. */
export function replaceFileSync(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`
  if (disk.existsSync(temporary)) disk.removeSync(temporary)
  writeNewFileSync(disk, temporary, bytes)
  disk.renameSync(temporary, path)
  disk.syncFolderSync(folderOf(path))
}

export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? path.slice(0, slash + 1) : path.slice(0, slash)
}
