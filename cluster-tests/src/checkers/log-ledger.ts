// An account of every entry that any disk got synced, kept while the cluster runs. From it, at once:
// one (index, term) has one content anywhere; an ack names an entry that a quorum of disks got synced,
// with that content and at that offset; and who is elected has, by chain, everything that was acked
// before. It trusts the bytes on the disks and nothing of the nodes; damage done later is not counted.
import {
  type GroupKey,
  parseGroupKey,
  type SimulatedDisk,
  SyncedEntries,
  type SyncedHeader,
} from 'quorate/testing'
import type { Send } from '../history.ts'
import { valueMark, valueMarks } from '../values.ts'

interface Place {
  readonly group: GroupKey
  readonly header: SyncedHeader
}

export class LogLedger {
  readonly violations: string[] = []
  readonly #folder: string
  readonly #quorum: number
  readonly #disks = new Map<string, SyncedEntries>()
  /** Chain and disk that showed it first, by group, index and term. */
  readonly #contents = new Map<string, { readonly chain: string; readonly disk: string }>()
  /** Where a record was written, as often as leaders tried. */
  readonly #records = new Map<string, Place[]>()
  /** The highest acked entry of each group. */
  readonly #acked = new Map<GroupKey, SyncedHeader>()

  constructor(folder: string, replicas: number) {
    this.#folder = folder
    this.#quorum = Math.floor(replicas / 2) + 1
  }

  watch(disk: SimulatedDisk): void {
    const entries = new SyncedEntries(disk, this.#folder)
    entries.synced = (group, header, payload) => this.#synced(disk.name, group, header, payload)
    this.#disks.set(disk.name, entries)
  }

  /** A node has opened its folder: what a killed process had left in the page cache is synced now. */
  opened(disk: SimulatedDisk): void {
    this.#disks.get(disk.name)!.reload()
  }

  acked({ value, partition, offset }: Send): void {
    if (offset < 0) return
    const mark = valueMark(value)
    const written = this.#records.get(mark)
    // Left in the page cache by a killed process and synced at its start: synced-quorum.ts finds it.
    if (written === undefined) return
    const places = written.filter(
      ({ group, header }) =>
        parseGroupKey(group).partition === partition &&
        header.baseOffset <= offset &&
        offset < header.nextOffset,
    )
    const copies = places.map(({ group, header }) => this.#holders(group, header).length)
    const place = places[copies.findIndex((count) => count >= this.#quorum)]
    if (place === undefined) {
      this.violations.push(
        `${mark} was acked at ${partition}@${offset}; entries synced there are on ` +
          `[${copies.join()}] disks, not on ${this.#quorum}`,
      )
      return
    }
    const highest = this.#acked.get(place.group)
    if (highest === undefined || place.header.index > highest.index) {
      this.#acked.set(place.group, place.header)
    }
  }

  elected(node: string, group: GroupKey, term: number): void {
    const acked = this.#acked.get(group)
    const entries = this.#disks.get(node)
    if (acked === undefined || entries === undefined) return
    if (entries.holds(parseGroupKey(group), acked.index, acked.chain)) return
    const { index, term: ackedTerm } = acked
    this.violations.push(
      `${node} leads ${group} in term ${term} without entry ${index} of term ${ackedTerm}, which was acked`,
    )
  }

  #synced(disk: string, group: GroupKey, header: SyncedHeader, payload: Uint8Array): void {
    const key = `${group}/${header.index}/${header.term}`
    const chain = `${header.chain.high}-${header.chain.low}`
    const known = this.#contents.get(key)
    if (known === undefined) this.#contents.set(key, { chain, disk })
    else if (known.chain !== chain) {
      this.violations.push(`${known.disk} and ${disk} have different entries at ${key}`)
    } else return
    for (const mark of valueMarks(payload)) {
      const places = this.#records.get(mark)
      if (places === undefined) this.#records.set(mark, [{ group, header }])
      else places.push({ group, header })
    }
  }

  #holders(group: GroupKey, { index, chain }: SyncedHeader): string[] {
    const id = parseGroupKey(group)
    return [...this.#disks]
      .filter(([, entries]) => entries.holds(id, index, chain))
      .map(([disk]) => disk)
  }
}
