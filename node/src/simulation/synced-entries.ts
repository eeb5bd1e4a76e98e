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
import { type IntactCopies, intactCopies, syncedImage } from './intact-copies.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

/** An entry that has reached the platter. */
export interface SyncedEntry {
  readonly group: GroupKey
  readonly replicaId: number
  readonly header: EntryHeader
  readonly payload: Uint8Array
}

export class SyncedEntries {
  /** Told of each entry of each durable write to the WAL. */
  synced: ((entry: SyncedEntry) => void) | undefined
  readonly #disk: SimulatedDisk
  readonly #folder: string
  /** By group, then by replica: one that died may lie beside the one that replaces it. */
  readonly #groups = new Map<GroupKey, Map<number, Map<number, string>>>()
  readonly #salts = new Map<number, number>()

  /** `folder`: the node's data folder on the disk. */
  constructor(disk: SimulatedDisk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    disk.onSynced((path, _position, bytes) => this.#written(path, bytes))
  }

  holds(group: GroupId, index: number, chain: Chain): boolean {
    const replicas = this.#groups.get(groupKey(group))?.values() ?? []
    return [...replicas].some((entries) => entries.get(index) === chainText(chain))
  }

  /** Chains by index of one replica. */
  of(group: GroupKey, replicaId: number): ReadonlyMap<number, string> | undefined {
    return this.#groups.get(group)?.get(replicaId)
  }

  /** Of all replicas of the group on this disk. */
  replicas(group: GroupKey): ReadonlyMap<number, string>[] {
    return [...(this.#groups.get(group)?.values() ?? [])]
  }

  /** Highest index held; 0 for none. */
  lastIndex(group: GroupId): number {
    const replicas = this.#groups.get(groupKey(group))?.values() ?? []
    return Math.max(0, ...[...replicas].flatMap((entries) => [...entries.keys()]))
  }

  /** After the disk was opened again, or crashed: with what is synced now, from the files. */
  reload(): IntactCopies {
    // Another folder may stand in the place, and its WAL files count from 1 again.
    this.#salts.clear()
    const intact = intactCopies(syncedImage(this.#disk), this.#folder)
    for (const replica of intact.replicas.values()) {
      const known = this.#entriesOf(replica)
      for (const [index, chain] of replica.entries) known.set(index, chain)
    }
    return intact
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
    const { replicaId } = record
    const group = groupKey(record.group)
    const entries = this.#entriesOf(record)
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
        this.synced({ group, replicaId, header, payload: bytes })
      }
      position += entryHeaderBytes + header.payloadBytes
    }
  }

  #entriesOf(replica: {
    readonly group: GroupId
    readonly replicaId: number
  }): Map<number, string> {
    const key = groupKey(replica.group)
    const replicas = this.#groups.get(key) ?? new Map<number, Map<number, string>>()
    this.#groups.set(key, replicas)
    const entries = replicas.get(replica.replicaId) ?? new Map<number, string>()
    replicas.set(replica.replicaId, entries)
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
