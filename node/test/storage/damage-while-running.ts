// Turns drawn numbers into damage to the files of a node that runs, and into operations that its
// device fails. What is hit lies on disk once: segments, and the WAL but for its last evidence.
import { damageableFiles } from '../../src/simulation/damageable-files.ts'
import type { DiskFault, SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import type { Operation } from './crash-replica.ts'
import { sparingLastEvidence } from './damage-plan.ts'

const kinds = ['flip', 'zero', 'flip-read'] as const

/** False when there is nothing to hit. */
export function damageWhileRunning(
  disk: SimulatedDisk,
  folder: string,
  { damage }: Operation,
): boolean {
  const { choice, number } = damage!
  const kind = kinds[choice % kinds.length]!
  const isAimedAt = choice % 2 === 0 && kind !== 'flip-read' ? 'wal' : 'segment'
  const files = damageableFiles(disk, folder).filter((file) => file.kind === isAimedAt)
  const path = files[number % Math.max(files.length, 1)]?.path
  if (path === undefined) return false
  if (kind !== 'flip-read') return sparingLastEvidence(disk, folder, { kind, path })
  disk.damage.apply({ kind, path, times: 1 })
  return true
}

const faults = ['read', 'write', 'sync', 'name'] as const

export function faultOf({ damage, count, size }: Operation): DiskFault {
  const operation = faults[damage!.choice % faults.length]!
  const path = [/wal-/, /seg-/, /checkpoint/, /hard/, /manifest/, /./][damage!.number % 6]!
  return { operation, path, code: size % 4 === 0 ? 'ENOSPC' : 'EIO', times: 1 + (count % 2) }
}

export function rememberFiles(disk: SimulatedDisk, folder: string): void {
  for (const { path } of damageableFiles(disk, folder)) {
    disk.damage.apply({ kind: 'remember', path })
  }
}
