// An ack means that a quorum had the record on disk, synced, before the ack was given. The oracle is
// told by each simulated disk what has reached its platter, notes the records in it, and looks at the
// notes of all disks at the moment of every ack. It trusts the disks and nothing of the nodes;
// surviving-copies.ts looks at the same from the other end, by recovery.
import type { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { type AckedRecord, valueMark, valueMarks } from '../cluster/values.ts'

export class SyncedQuorum {
  /** Acks looked at so far. */
  checked = 0
  readonly violations: string[] = []
  readonly #quorum: number
  /** Disks with a synced copy, by record. */
  readonly #copies = new Map<string, Set<string>>()

  constructor(replicas: number) {
    this.#quorum = Math.floor(replicas / 2) + 1
  }

  acked(send: AckedRecord): void {
    this.checked += 1
    const mark = valueMark(send.value)
    const disks = [...(this.#copies.get(mark) ?? [])]
    if (disks.length >= this.#quorum) return
    this.violations.push(
      `${mark} was acked at ${send.partition}@${send.offset} and is synced on ${disks.length} ` +
        `disks (${disks.join()}), not ${this.#quorum}`,
    )
  }

  watch(disk: SimulatedDisk): void {
    disk.onSynced((_path, _position, bytes) => this.#note(disk.name, bytes))
  }

  /** A node has opened its folder: what a killed process had left in the page cache is synced now. */
  opened(disk: SimulatedDisk, walFolder: string): void {
    const synced = disk.syncedView()
    for (const name of synced.listSync(walFolder)) {
      const file = synced.openSync(`${walFolder}/${name}`, 'read')
      const bytes = new Uint8Array(file.sizeSync())
      file.readSync(bytes, 0)
      this.#note(disk.name, bytes)
    }
  }

  #note(disk: string, bytes: Uint8Array): void {
    for (const mark of valueMarks(bytes)) {
      const disks = this.#copies.get(mark)
      if (disks === undefined) this.#copies.set(mark, new Set([disk]))
      else disks.add(disk)
    }
  }
}
