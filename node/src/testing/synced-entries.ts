// What a simulated node's disk got synced, entry by entry: an oracle for "a quorum of disks holds an
// entry before it is acknowledged". Listens to durable WAL writes, so a look-up costs nothing; after a
// restart `reload` reads the synced image afresh. What is damaged later still counts: it was synced.
// Knows nothing of Raft.
import type { Chain } from '@quorate/raft'
import { chainText } from '../storage/chain.ts'
import { decodeEntryHeader, type EntryHeader, entryHeaderBytes } from '../storage/entry-format.ts'
import { type GroupId, type GroupKey, groupKey } from '../storage/log-entry.ts'
import { walNumberOf } from '../storage/wal-file.ts'
import {
  announcedBlocks,
  blockBytes,
  type DirectoryRecord,
  decodeDirectory,
  decodeWalFileHeader,
  RecordKind,
} from '../storage/wal-format.ts'
import { intactCopies, syncedImage } from './intact-copies.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

/** An entry has been synced: its header, and the bytes of its payload. */
export type EntryListener = (group: GroupKey, header: EntryHeader, payload: Uint8Array) => void

export class SyncedEntries {
  /** Told of each entry of each durable write to the WAL. */
  synced: EntryListener | undefined
  readonly #disk: SimulatedDisk
  readonly #folder: string
  readonly #groups = new Map<GroupKey, Map<number, string>>()
  readonly #salts = new Map<number, number>()

  /** `folder`: the node's data folder on the disk. */
  constructor(disk: SimulatedDisk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    disk.onSynced((path, _position, bytes) => this.#written(path, bytes))
  }

  holds(group: GroupId, index: number, chain: Chain): boolean {
    return this.#groups.get(groupKey(group))?.get(index) === chainText(chain)
  }

  /** Highest index held; 0 for none. */
  lastIndex(group: GroupId): number {
    return Math.max(0, ...(this.#groups.get(groupKey(group))?.keys() ?? []))
  }

  /** After the disk was opened again, or crashed: with what is synced now, from the files. */
  reload(): void {
    for (const { group, entries } of intactCopies(
      syncedImage(this.#disk),
      this.#folder,
    ).replicas.values()) {
      for (const [index, chain] of entries) this.#entriesOf(group).set(index, chain)
    }
  }

  #written(path: string, bytes: Uint8Array): void {
    const prefix = `${this.#folder}/wal/`
    if (!path.startsWith(prefix)) return
    const number = walNumberOf(path.slice(prefix.length))
    if (number === undefined || bytes.byteLength < blockBytes) return
    const blocks = announcedBlocks(bytes.subarray(0, blockBytes), number)
    if (blocks === undefined) return
    const directoryBytes = blocks * blockBytes
    const directory = decodeDirectory(
      bytes.subarray(0, directoryBytes),
      number,
      this.#salt(path, number),
    )
    if (directory === undefined) return
    for (const record of directory.records) this.#play(record, bytes.subarray(directoryBytes))
  }

  #play(record: DirectoryRecord, payload: Uint8Array): void {
    const entries = this.#entriesOf(record.group)
    if (record.kind === RecordKind.dropReplica) entries.clear()
    if (record.kind === RecordKind.truncateAfter) cutAfter(entries, record.index)
    if (record.kind === RecordKind.resetToSnapshot) {
      entries.clear()
      entries.set(record.index, chainText(record.chain))
    }
    if (record.kind !== RecordKind.append) return
    if (!record.copied) cutAfter(entries, record.index - 1)
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    let position = record.position
    for (let count = 0; count < record.count; count += 1) {
      const header = decodeEntryHeader(view, position)
      if (header === undefined) return
      entries.set(header.index, chainText(header.chain))
      if (this.synced !== undefined) {
        const from = position + entryHeaderBytes
        const bytes = payload.subarray(from, from + header.payloadBytes)
        this.synced(groupKey(record.group), header, bytes)
      }
      position += entryHeaderBytes + header.payloadBytes
    }
  }

  #entriesOf(group: GroupId): Map<number, string> {
    const key = groupKey(group)
    let entries = this.#groups.get(key)
    if (entries === undefined) {
      entries = new Map()
      this.#groups.set(key, entries)
    }
    return entries
  }

  /** The header was synced long before the first batch. */
  #salt(path: string, number: number): number {
    let salt = this.#salts.get(number)
    if (salt === undefined) {
      const block = new Uint8Array(blockBytes)
      this.#disk.syncedView().openSync(path, 'read').readSync(block, 0)
      const header = decodeWalFileHeader(block)
      salt = typeof header === 'object' ? header.salt : 0
      this.#salts.set(number, salt)
    }
    return salt
  }
}

function cutAfter(entries: Map<number, string>, index: number): void {
  for (const each of entries.keys()) if (each > index) entries.delete(each)
}
