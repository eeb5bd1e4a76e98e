// What the worst power loss would leave now, read back with the product's own recovery from the synced
// state of every disk: each acked record lies on a quorum of disks, in its partition and at its
// offset; and where two disks of a partition hold the same index they hold the same log. Looked at
// when the cluster is at rest.
import { decodeBatch } from '@quorate/protocol'
import { dumpStorage, EntryType, type SimulatedDisk } from 'quorate/testing'
import { ackedSends, type History, isRetired } from '../history.ts'
import { valueMark } from '../values.ts'

export interface SurvivingCopies {
  readonly history: History
  readonly disks: readonly SimulatedDisk[]
  readonly folder: string
  readonly topicId: number
  readonly replicas: number
}

const decoder = new TextDecoder()

export function checkSurvivingCopies(run: SurvivingCopies): string[] {
  const { history, disks, folder, topicId, replicas } = run
  /** Disks that hold a record at a place, by mark and place. */
  const copies = new Map<string, number>()
  /** Chain and disk that showed it first, by partition and index. */
  const chains = new Map<string, { readonly chain: string; readonly disk: string }>()
  const violations: string[] = []
  for (const disk of disks) {
    for (const { group, entries } of dumpStorage(disk.syncedView(), folder).groups) {
      if (group.topicId !== topicId) continue
      for (const entry of entries()) {
        const { index, chain, type, payload } = entry
        const place = `${group.partition}/${index}`
        const text = `${chain.high}-${chain.low}`
        const known = chains.get(place)
        if (known === undefined) chains.set(place, { chain: text, disk: disk.name })
        else if (known.chain !== text) {
          violations.push(`${known.disk} and ${disk.name} differ at ${place}`)
        }
        if (type !== EntryType.records) continue
        for (const { offset, value } of decodeBatch(payload)) {
          const mark = valueMark(decoder.decode(value ?? undefined))
          const copy = `${mark} ${group.partition}@${offset}`
          copies.set(copy, (copies.get(copy) ?? 0) + 1)
        }
      }
    }
  }
  const quorum = Math.floor(replicas / 2) + 1
  for (const { value, partition, offset } of ackedSends(history)) {
    if (offset < 0 || isRetired(history, partition, offset)) continue
    const copy = `${valueMark(value)} ${partition}@${offset}`
    const count = copies.get(copy) ?? 0
    if (count < quorum) violations.push(`acked ${copy} survives on ${count} disks, not ${quorum}`)
  }
  return violations
}
