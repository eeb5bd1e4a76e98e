// An account of every entry that any disk got synced, kept while the cluster runs. From it, at once:
// one (index, term) has one content anywhere; an ack names an entry that a quorum of disks got synced,
// with that content and at that offset; who is elected has, by chain, everything that was acked before; and
// members change one change at a time. It trusts the bytes on the disks and nothing of the nodes; damage done later is not counted.
import { chunksOf } from '@quorate/protocol'
import {
  type DecodedConfiguration,
  decodeConfiguration,
} from '../../replication/configuration-entry.ts'
import type { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { SyncedEntries, type SyncedEntry, type SyncedLog } from '../../simulation/synced-entries.ts'
import { sameChain } from '../../storage/chain.ts'
import { EntryType, type GroupKey, parseGroupKey } from '../../storage/log-entry.ts'
import { type AckedRecord, valueMark, valueMarks } from '../cluster/values.ts'

interface Change extends DecodedConfiguration {
  readonly header: Header
  /** A quorum of both of its halves has held it. It stays committed when its topic is deleted, copy by copy. */
  wasHeld: boolean
}

type Header = SyncedEntry['header']

interface Place {
  readonly group: GroupKey
  readonly partition: number
  readonly header: Header
}

/** What one (index, term) was first seen to be, and on which disk. */
interface Content {
  readonly term: number
  readonly chain: Header['chain']
  readonly disk: string
}

export class LogLedger {
  readonly violations: string[] = []
  /** Node and incarnation of each replica of each group: an id is never used again. */
  readonly #owners = new Map<string, string>()
  readonly #folder: string
  readonly #quorum: number
  readonly #disks = new Map<string, SyncedEntries>()
  /** By group, then by index; an index has as many as terms wrote it. */
  readonly #contents = new Map<GroupKey, Map<number, Content[]>>()
  /** Where a record was written, as often as leaders tried. */
  readonly #records = new Map<string, Place[]>()
  /** Entries that changed members, as they were first synced. */
  readonly #changes = new Map<GroupKey, readonly Change[]>()
  /** The highest acked entry of each group. */
  readonly #acked = new Map<GroupKey, Header>()
  /** The highest term of each group that had a leader. */
  readonly #newestTerms = new Map<GroupKey, number>()

  constructor(folder: string, replicas: number) {
    this.#folder = folder
    this.#quorum = Math.floor(replicas / 2) + 1
  }

  watch(disk: SimulatedDisk): void {
    const entries = new SyncedEntries(disk, this.#folder)
    entries.synced = (entry) => this.#synced(disk.name, entry)
    this.#disks.set(disk.name, entries)
  }

  /** A node has opened its folder: what a killed process had left in the page cache is synced now. */
  opened(disk: SimulatedDisk): void {
    const { incarnation, replicas } = this.#disks.get(disk.name)!.reload()
    for (const name of replicas.keys()) {
      const owner = `${disk.name} ${incarnation}`
      const known = this.#owners.get(name) ?? owner
      this.#owners.set(name, known)
      if (known !== owner) this.violations.push(`replica ${name} of ${known} is on ${owner} too`)
    }
  }

  acked({ value, partition, offset }: AckedRecord): void {
    if (offset < 0) return
    const mark = valueMark(value)
    const written = this.#records.get(mark)
    // Left in the page cache by a killed process and synced at its start: synced-quorum.ts finds it.
    if (written === undefined) return
    const places = written.filter(
      (place) =>
        place.partition === partition &&
        place.header.baseOffset <= offset &&
        offset < place.header.nextOffset,
    )
    const place = places.find((each) => this.#isHeldByQuorum(each))
    if (place === undefined) {
      const copies = places.map(({ group, header }) => this.#holders(group, header).length)
      this.violations.push(
        `${mark} was acked at ${partition}@${offset}; the entries synced there, on ` +
          `[${copies.join()}] disks, are on no quorum of voters`,
      )
      return
    }
    const highest = this.#acked.get(place.group)
    if (highest === undefined || place.header.index > highest.index) {
      this.#acked.set(place.group, place.header)
    }
  }

  /**
   * Who was paused with its votes leads its old term when it goes on, beside the leader of a newer one:
   * it commits nothing, and need not have what the newer one acked.
   */
  elected(node: string, group: GroupKey, term: number): void {
    if (term < (this.#newestTerms.get(group) ?? 0)) return
    this.#newestTerms.set(group, term)
    const acked = this.#acked.get(group)
    const entries = this.#disks.get(node)
    if (acked === undefined || entries === undefined) return
    if (entries.holds(group, acked.index, acked.chain)) return
    const { index, term: ackedTerm } = acked
    this.violations.push(
      `${node} leads ${group} in term ${term} without entry ${index} of term ${ackedTerm}, which was acked`,
    )
  }

  #synced(disk: string, entry: SyncedEntry): void {
    const { group, header, payload } = entry
    const known = this.#contentsOf(group, header.index)
    const same = known.find(({ term }) => term === header.term)
    if (header.type === EntryType.configuration) this.#holdChanges(group)
    if (same === undefined) known.push({ term: header.term, chain: header.chain, disk })
    else if (sameChain(same.chain, header.chain)) return
    else {
      const place = `${group}/${header.index}/${header.term}`
      this.violations.push(`${same.disk} and ${disk} have different entries at ${place}`)
    }
    if (header.type === EntryType.configuration) this.#membersChange(disk, entry)
    const { partition } = parseGroupKey(group)
    for (const mark of valueMarks(payload)) {
      const places = this.#records.get(mark)
      if (places === undefined) this.#records.set(mark, [{ group, partition, header }])
      else places.push({ group, partition, header })
    }
  }

  #contentsOf(group: GroupKey, index: number): Content[] {
    let indexes = this.#contents.get(group)
    if (indexes === undefined) {
      indexes = new Map()
      this.#contents.set(group, indexes)
    }
    let contents = indexes.get(index)
    if (contents === undefined) {
      contents = []
      indexes.set(index, contents)
    }
    return contents
  }

  /** The change before it must be committed: held by a quorum of both of its halves. */
  #membersChange(disk: string, { group, replicaId, header, payload }: SyncedEntry): void {
    const decoded = decodeConfiguration(chunksOf(payload))
    if (decoded === undefined) {
      this.violations.push(`${disk} has an unreadable configuration at ${group}/${header.index}`)
      return
    }
    const changes = this.#changes.get(group) ?? []
    this.#changes.set(group, [...changes, { header, ...decoded, wasHeld: false }])
    const own = this.#disks.get(disk)!.of(group, replicaId)
    const before = changes
      .filter((each) => own?.holds(each.header.index, each.header.chain) === true)
      .filter((each) => each.header.index < header.index)
      .reduce<Change | undefined>(
        (last, each) => (last === undefined || each.header.index > last.header.index ? each : last),
        undefined,
      )
    if (before === undefined) return
    if (before.wasHeld || this.#isHeldBy(before, group, before.header)) return
    this.violations.push(
      `${disk} changes members of ${group} at ${header.index} while no quorum holds the change at ` +
        `${before.header.index}`,
    )
  }

  /** A copy of some change has just been synced. */
  #holdChanges(group: GroupKey): void {
    for (const change of this.#changes.get(group) ?? []) {
      change.wasHeld ||= this.#isHeldBy(change, group, change.header)
    }
  }

  /** Of the voters in force when it was written, or of any that came later. */
  #isHeldByQuorum({ group, header }: Place): boolean {
    const changes = this.#changes.get(group)
    if (changes === undefined) return this.#holders(group, header).length >= this.#quorum
    // A change that was cut off belongs to no log that has the entry.
    const logs = this.#logsWith(group, header)
    const before = changes.filter(
      (each) =>
        each.header.index <= header.index &&
        logs.some((log) => log.holds(each.header.index, each.header.chain)),
    )
    const isFirst = before.length === 0
    if (isFirst && this.#holders(group, header).length >= this.#quorum) return true
    const from = Math.max(0, ...before.map((each) => each.header.index))
    return changes.some(
      (each) =>
        each.header.index >= from &&
        (this.#isHeldBy(each, group, header) || this.#isHeldByNewHalf(each, group, header)),
    )
  }

  /** Once a joint configuration is committed, its leader decides by the new half as it leaves it. */
  #isHeldByNewHalf(change: Change, group: GroupKey, header: Header): boolean {
    const { voters } = change.configuration
    const isCommitted = this.#isHeldBy(change, group, change.header)
    return isCommitted && this.#isHeldBy({ ...change, configuration: { voters } }, group, header)
  }

  /** Both halves of the change's configuration have a majority with the entry. */
  #isHeldBy({ nodes, configuration }: Change, group: GroupKey, { index, chain }: Header): boolean {
    const { voters, outgoing = [] } = configuration
    return [voters, outgoing].every((half) => {
      const holders = half.filter((voter) => {
        const entries = this.#disks.get(nodes.get(voter) ?? '')?.of(group, voter)
        return entries?.holds(index, chain) === true
      })
      return half.length === 0 || holders.length > half.length / 2
    })
  }

  #logsWith(group: GroupKey, { index, chain }: Header): SyncedLog[] {
    return [...this.#disks.values()]
      .flatMap((entries) => [...entries.replicas(group).values()])
      .filter((log) => log.holds(index, chain))
  }

  #holders(group: GroupKey, { index, chain }: Header): string[] {
    const holders: string[] = []
    for (const [disk, entries] of this.#disks) {
      if (entries.holds(group, index, chain)) holders.push(disk)
    }
    return holders
  }
}
