// One WAL file: its number, where the next batch goes, and how many entries still need it. Creates
// and renumbers files synchronously for start-up; while the node runs wal-spare.ts does it. A file
// is released in wal-files.ts when `liveEntries` and `readers` are zero and no older file is left.
import type { Disk, DiskFile } from './disk.ts'
import { blockBytes, encodeWalFileHeader } from './wal-format.ts'

export class WalFile {
  readonly number: number
  readonly path: string
  readonly file: DiskFile
  readonly sizeBytes: number
  readonly salt: number
  /** Where the next batch begins. */
  position = blockBytes
  /** Entries of all groups whose only synced place is this file, and their bytes. */
  liveEntries = 0
  liveBytes = 0
  /** Reads under way: the file must not be recycled below them. */
  readers = 0

  constructor(number: number, path: string, file: DiskFile, sizeBytes: number, salt: number) {
    this.number = number
    this.path = path
    this.file = file
    this.sizeBytes = sizeBytes
    this.salt = salt
  }

  changeLive(entries: number, bytes: number): void {
    this.liveEntries += entries
    this.liveBytes += bytes
  }

  get remainingBytes(): number {
    return this.sizeBytes - this.position
  }
}

export function walFolder(folder: string): string {
  return `${folder}/wal`
}

export function walPath(folder: string, number: number): string {
  return `${walFolder(folder)}/wal-${String(number).padStart(10, '0')}`
}

/** Undefined for other names. */
export function walNumberOf(name: string): number | undefined {
  const match = /^wal-(\d{10})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export interface WalIdentity {
  readonly clusterId: string
  readonly incarnation: string
}

/** Bytes of one background write while a file is filled with zeros. */
export const fillPieceBytes = 256 * 1024

/** Makes a new, zero-filled, synced file. The caller syncs the folder. For start-up. */
export function createWalFileSync(
  disk: Disk,
  folder: string,
  number: number,
  sizeBytes: number,
  salt: number,
  identity: WalIdentity,
): WalFile {
  const path = walPath(folder, number)
  const file = disk.openSync(path, 'create')
  const zeros = new Uint8Array(Math.min(1024 * 1024, sizeBytes))
  try {
    file.writeSync(encodeWalFileHeader({ fileNumber: number, sizeBytes, salt, ...identity }), 0)
    for (let position = blockBytes; position < sizeBytes; position += zeros.byteLength) {
      file.writeSync(zeros.subarray(0, Math.min(zeros.byteLength, sizeBytes - position)), position)
    }
    file.syncSync()
  } catch (error) {
    file.close()
    disk.removeSync(path)
    throw error
  }
  return new WalFile(number, path, file, sizeBytes, salt)
}
