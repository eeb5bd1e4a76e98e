// What the worst power loss would leave now, read back with the product's own recovery from the synced
// state of every disk: each acked record lies on a quorum of disks, in its partition and at its
// offset; and where two disks of a partition hold the same index they hold the same log. Looked at
// when the cluster is at rest. A disk that was damaged on purpose, and is not read or repaired yet,
// counts for those records it still shows; one good copy there always is.
import { decodeBatch, QuorateError } from '@quorate/protocol'
import type { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { dumpStorage } from '../../storage/dump.ts'
import { EntryType } from '../../storage/log-entry.ts'
import { type AckedRecord, valueMark } from '../cluster/values.ts'

export interface SurvivingCopies {
  readonly acked: readonly AckedRecord[]
  /** By partition: offset below which everything was deleted; 0 when absent. */
  readonly starts: ReadonlyMap<number, number>
  readonly disks: readonly SimulatedDisk[]
  /** Names of those that were damaged. */
  readonly damaged: ReadonlySet<string>
  readonly folder: string
  readonly topicId: number
  readonly replicas: number
}

const decoder = new TextDecoder()

type DumpedEntries = ReturnType<typeof dumpStorage>['groups'][number]['entries']
type Entry = ReturnType<DumpedEntries> extends Iterable<infer Each> ? Each : never

class Survivors {
  /** Disks that hold a record at a place, by mark and place. */
  readonly copies = new Map<string, number>()
  readonly violations: string[] = []
  /** Chain and disk that showed it first, by partition and index. */
  readonly #chains = new Map<string, { readonly chain: string; readonly disk: string }>()

  add(disk: string, partition: number, { index, chain, type, payload }: Entry): void {
    const place = `${partition}/${index}`
    const text = `${chain.high}-${chain.low}`
    const known = this.#chains.get(place)
    if (known === undefined) this.#chains.set(place, { chain: text, disk })
    else if (known.chain !== text) {
      this.violations.push(`${known.disk} and ${disk} differ at ${place}`)
    }
    if (type !== EntryType.records) return
    for (const { offset, value } of decodeBatch(payload)) {
      const copy = `${valueMark(decoder.decode(value ?? undefined))} ${partition}@${offset}`
      this.copies.set(copy, (this.copies.get(copy) ?? 0) + 1)
    }
  }
}

export function checkSurvivingCopies(run: SurvivingCopies): string[] {
  const { acked, starts, disks, folder, topicId, replicas, damaged } = run
  const survivors = new Survivors()
  /** Disks whose damage still shows. */
  const bad = new Set<string>()
  for (const disk of disks) {
    const isBad = readAll(disk, folder, topicId, survivors)
    if (!isBad) continue
    bad.add(disk.name)
    if (!damaged.has(disk.name)) survivors.violations.push(`${disk.name} is damaged by nobody`)
  }
  const quorum = Math.floor(replicas / 2) + 1
  const wanted = Math.max(quorum - bad.size, 1)
  for (const { value, partition, offset } of acked) {
    if (offset < 0 || offset < (starts.get(partition) ?? 0)) continue
    const copy = `${valueMark(value)} ${partition}@${offset}`
    const count = survivors.copies.get(copy) ?? 0
    if (count >= wanted) continue
    survivors.violations.push(`acked ${copy} survives on ${count} disks, not ${wanted}`)
  }
  return survivors.violations
}

/** True when a part could not be read. */
function readAll(
  disk: SimulatedDisk,
  folder: string,
  topicId: number,
  survivors: Survivors,
): boolean {
  let isBad = false
  const unlessDamaged = (read: () => void): void => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof QuorateError) || error.code !== 'QUORATE_STORAGE_DAMAGED') throw error
      isBad = true
    }
  }
  unlessDamaged(() => {
    for (const { group, entries } of dumpStorage(disk.syncedView(), folder).groups) {
      if (group.topicId !== topicId) continue
      unlessDamaged(() => {
        for (const entry of entries()) survivors.add(disk.name, group.partition, entry)
      })
    }
  })
  return isBad
}
