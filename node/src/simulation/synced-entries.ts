// What a simulated node's disk got synced, entry by entry: an oracle for "a quorum of disks holds an
// entry before it is acknowledged". Listens to durable WAL writes, so a look-up costs nothing; after a
// restart `reload` reads the synced image afresh. What is damaged later still counts: it was synced.
// Knows nothing of Raft.
import { viewOf } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import { parseChainText, sameChain } from '../storage/chain.ts'
import { decodeEntryHeader, type EntryHeader, entryHeaderBytes } from '../storage/entry-format.ts'
import { type GroupKey, groupKey } from '../storage/log-entry.ts'
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

/** Chains by index of one replica, as far as they got synced. */
export class SyncedLog {
  readonly #chains = new Map<number, Chain>()
  /** No entry lies above it. */
  #last = 0

  holds(index: number, chain: Chain): boolean {
    const held = this.#chains.get(index)
    return held !== undefined && sameChain(held, chain)
  }

  set(index: number, chain: Chain): void {
    this.#chains.set(index, chain)
    this.#last = Math.max(this.#last, index)
  }

  cutAfter(index: number): void {
    for (; this.#last > index; this.#last -= 1) this.#chains.delete(this.#last)
  }

  clear(): void {
    this.#chains.clear()
    this.#last = 0
  }
}

const none: ReadonlyMap<number, SyncedLog> = new Map()

export class SyncedEntries {
  /** Told of each entry of each durable write to the WAL. */
  synced: ((entry: SyncedEntry) => void) | undefined
  readonly #disk: SimulatedDisk
  readonly #folder: string
  /** Of WAL files. */
  readonly #prefix: string
  /** By group, then by replica: one that died may lie beside the one that replaces it. */
  readonly #groups = new Map<GroupKey, Map<number, SyncedLog>>()
  readonly #salts = new Map<number, number>()

  /** `folder`: the node's data folder on the disk. */
  constructor(disk: SimulatedDisk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    this.#prefix = `${folder}/wal/`
    disk.onSynced((path, _position, bytes) => this.#written(path, bytes))
  }

  /** Whether any replica of the group on this disk does. */
  holds(group: GroupKey, index: number, chain: Chain): boolean {
    for (const log of this.replicas(group).values()) if (log.holds(index, chain)) return true
    return false
  }

  of(group: GroupKey, replicaId: number): SyncedLog | undefined {
    return this.#groups.get(group)?.get(replicaId)
  }

  /** Of the group on this disk, by id. */
  replicas(group: GroupKey): ReadonlyMap<number, SyncedLog> {
    return this.#groups.get(group) ?? none
  }

  /** After the disk was opened again, or crashed: with what is synced now, from the files. */
  reload(): IntactCopies {
    // Another folder may stand in the place, and its WAL files count from 1 again.
    this.#salts.clear()
    const intact = intactCopies(syncedImage(this.#disk), this.#folder)
    for (const replica of intact.replicas.values()) {
      const log = this.#logOf(replica.key, replica.replicaId)
      for (const [index, chain] of replica.entries) log.set(index, parseChainText(chain)!)
    }
    return intact
  }

  #written(path: string, bytes: Uint8Array): void {
    if (!path.startsWith(this.#prefix)) return
    const number = walNumberOf(path.slice(this.#prefix.length))
    if (number === undefined || bytes.byteLength < blockBytes) return
    const blocks = announcedBlocks(bytes.subarray(0, blockBytes), number)
    if (blocks === undefined) return
    const directoryBytes = blocks * blockBytes
    const salt = this.#salt(path, number)
    if (salt === undefined) return
    const directory = decodeDirectory(bytes.subarray(0, directoryBytes), number, salt)
    if (directory === undefined) return
    for (const record of directory.records) this.#play(record, bytes.subarray(directoryBytes))
  }

  #play(record: DirectoryRecord, payload: Uint8Array): void {
    const { replicaId } = record
    const group = groupKey(record.group)
    const log = this.#logOf(group, replicaId)
    if (record.kind === RecordKind.dropReplica) log.clear()
    if (record.kind === RecordKind.truncateAfter) log.cutAfter(record.index)
    if (record.kind === RecordKind.resetToSnapshot) {
      log.clear()
      log.set(record.index, record.chain)
    }
    if (record.kind !== RecordKind.append) return
    if (!record.copied) log.cutAfter(record.index - 1)
    const view = viewOf(payload)
    let position = record.position
    for (let count = 0; count < record.count; count += 1) {
      const header = decodeEntryHeader(view, position)
      if (header === undefined) return
      log.set(header.index, header.chain)
      if (this.synced !== undefined) {
        const from = position + entryHeaderBytes
        const bytes = payload.subarray(from, from + header.payloadBytes)
        this.synced({ group, replicaId, header, payload: bytes })
      }
      position += entryHeaderBytes + header.payloadBytes
    }
  }

  #logOf(group: GroupKey, replicaId: number): SyncedLog {
    let logs = this.#groups.get(group)
    if (logs === undefined) {
      logs = new Map()
      this.#groups.set(group, logs)
    }
    let log = logs.get(replicaId)
    if (log === undefined) {
      log = new SyncedLog()
      logs.set(replicaId, log)
    }
    return log
  }

  /**
   * The header was synced long before the first batch. Undefined when the folder was lost under the
   * process that writes it, before this file was: nothing of it will ever be read.
   */
  #salt(path: string, number: number): number | undefined {
    let salt = this.#salts.get(number)
    if (salt === undefined) {
      if (!this.#disk.syncedView().existsSync(path)) return undefined
      const block = new Uint8Array(blockBytes)
      this.#disk.syncedView().openSync(path, 'read').readSync(block, 0)
      const header = decodeWalFileHeader(block)
      salt = typeof header === 'object' ? header.salt : 0
      this.#salts.set(number, salt)
    }
    return salt
  }
}
