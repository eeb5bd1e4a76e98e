// Turns drawn numbers into damage to the files of a stopped node, as much as one replica may see: of
// what is there twice only one copy is damaged, apart from one slot of hard state in both. The
// directory of the last WAL batch stays: without it that batch cannot be told from one that was
// never begun, which no single node can notice.

import { type DamageableKind, damageableFiles } from '../../src/simulation/damageable-files.ts'
import { SimulatedContent } from '../../src/simulation/simulated-content.ts'
import type { DiskDamage } from '../../src/simulation/simulated-damage.ts'
import type { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { slotBytes, slotPosition } from '../../src/storage/hard-state-format.ts'
import {
  announcedBlocks,
  blockBytes,
  decodeDirectory,
  decodeWalFileHeader,
} from '../../src/storage/wal-format.ts'
import type { Operation } from './crash-replica.ts'

type Choice = readonly [
  kind:
    | 'flip'
    | 'zero'
    | 'truncate'
    | 'delete'
    | 'swap'
    | 'stale'
    | 'unreadable'
    | 'both-slots'
    | 'last-payload',
  file: DamageableKind,
]

export const damageMenu: readonly Choice[] = [
  ['flip', 'wal'],
  ['last-payload', 'wal'],
  ['last-payload', 'wal'],
  ['last-payload', 'wal'],
  ['flip', 'segment'],
  ['flip', 'checkpoint'],
  ['flip', 'hard.A'],
  ['flip', 'hard.B'],
  ['flip', 'manifest.A'],
  ['flip', 'manifest.B'],
  ['flip', 'identity'],
  ['flip', 'wal/identity'],
  ['zero', 'wal'],
  ['zero', 'segment'],
  ['zero', 'checkpoint'],
  ['zero', 'hard.A'],
  ['zero', 'hard.B'],
  ['truncate', 'wal'],
  ['truncate', 'segment'],
  ['truncate', 'checkpoint'],
  ['truncate', 'hard.B'],
  ['truncate', 'manifest.A'],
  ['delete', 'wal'],
  ['delete', 'segment'],
  ['delete', 'checkpoint'],
  ['delete', 'hard.A'],
  ['delete', 'manifest.B'],
  ['delete', 'wal/identity'],
  ['swap', 'wal'],
  ['swap', 'segment'],
  ['unreadable', 'wal'],
  ['unreadable', 'segment'],
  ['unreadable', 'checkpoint'],
  ['both-slots', 'hard.A'],
  ['stale', 'segment'],
  ['stale', 'checkpoint'],
  ['stale', 'hard.A'],
  ['stale', 'manifest.B'],
]

/** What is there twice: only one of these is damaged at a time. */
const twins: readonly ReadonlySet<DamageableKind>[] = [
  new Set<DamageableKind>(['hard.A', 'hard.B']),
  new Set<DamageableKind>(['manifest.A', 'manifest.B']),
  new Set<DamageableKind>(['identity', 'wal/identity']),
]

/** Whether something was changed, or will not be readable. */
export function applyDamage(
  disk: SimulatedDisk,
  folder: string,
  operations: readonly Operation[],
): boolean {
  const used = new Set<ReadonlySet<DamageableKind>>()
  let damaged = false
  for (const { damage } of operations) {
    if (damage === undefined) continue
    const choice = damageMenu[damage.choice % damageMenu.length]!
    const twin = twins.find((each) => each.has(choice[1]))
    if (twin !== undefined && used.has(twin)) continue
    if (twin !== undefined) used.add(twin)
    damaged = apply(disk, folder, choice, damage) || damaged
  }
  return damaged
}

function apply(
  disk: SimulatedDisk,
  folder: string,
  [kind, fileKind]: Choice,
  { number, at }: NonNullable<Operation['damage']>,
): boolean {
  const files = damageableFiles(disk, folder).filter((each) => each.kind === fileKind)
  const file = files[number % Math.max(files.length, 1)]
  if (file === undefined) return false
  const { path, sizeBytes } = file
  switch (kind) {
    case 'unreadable': {
      const literal = path.replaceAll('.', '\\.')
      disk.fail({ operation: 'read', path: new RegExp(`${literal}$`), code: 'EIO', times: 1000 })
      return true
    }
    case 'both-slots': {
      const from = slotPosition(at % 4, number)
      const copies = ['hard.A', 'hard.B'].map((name) => `${folder}/${name}`)
      if (copies.some((copy) => isZero(disk, copy, from, slotBytes))) return false
      for (const copy of copies) disk.damage.apply({ kind: 'flip', path: copy, at: from + 70 })
      return true
    }
    case 'swap': {
      const other = files[(number + 1) % files.length]!
      return disk.damage.apply({ kind, path, with: other.path }) !== undefined
    }
    case 'last-payload': {
      const last = lastDirectory(disk, folder)
      if (last === undefined) return false
      const from = last.from + last.bytes.byteLength
      return disk.damage.apply({ kind: 'zero', path: last.path, from }) !== undefined
    }
    case 'truncate': {
      const to = Math.floor((sizeBytes * at) / 1_000_000)
      return disk.damage.apply({ kind, path, to }) !== undefined
    }
    case 'stale':
      return disk.damage.apply({ kind, path }) !== undefined
    default:
      return sparingLastEvidence(disk, folder, { kind, path })
  }
}

/** Where the newest batch lies. */
export function newestBatchFile(disk: SimulatedDisk, folder: string): string | undefined {
  return lastDirectory(disk, folder)?.path
}

export function sparingLastEvidence(
  disk: SimulatedDisk,
  folder: string,
  damage: DiskDamage,
): boolean {
  const spared = damage.kind === 'delete' ? undefined : lastDirectory(disk, folder)
  const done = disk.damage.apply(damage)
  if (done === undefined || spared === undefined || spared.path !== damage.path) {
    return done !== undefined
  }
  const content = disk.tree.findSynced(spared.path)
  if (content instanceof SimulatedContent) {
    content.damage(spared.from, spared.bytes.byteLength, (bytes) => bytes.set(spared.bytes))
  }
  return done.from < spared.from || done.to > spared.from + spared.bytes.byteLength
}

/** Of the last batch in the newest WAL file that holds one. */
function lastDirectory(
  disk: SimulatedDisk,
  folder: string,
): { path: string; from: number; bytes: Uint8Array } | undefined {
  const view = disk.syncedView()
  const files = damageableFiles(disk, folder).filter(({ kind }) => kind === 'wal')
  for (const { path, sizeBytes, number } of files.reverse()) {
    const bytes = new Uint8Array(sizeBytes)
    view.openSync(path, 'read').readSync(bytes, 0)
    const header = decodeWalFileHeader(bytes.subarray(0, blockBytes))
    if (typeof header !== 'object') continue
    for (let from = sizeBytes - blockBytes; from > 0; from -= blockBytes) {
      const blocks = announcedBlocks(bytes.subarray(from, from + blockBytes), number!)
      if (blocks === undefined) continue
      const directory = bytes.slice(from, from + blocks * blockBytes)
      if (decodeDirectory(directory, number!, header.salt) === undefined) continue
      return { path, from, bytes: directory }
    }
  }
  return undefined
}

function isZero(disk: SimulatedDisk, path: string, from: number, byteLength: number): boolean {
  const view = disk.syncedView()
  if (!view.existsSync(path)) return true
  const bytes = new Uint8Array(byteLength)
  view.openSync(path, 'read').readSync(bytes, from)
  return bytes.every((byte) => byte === 0)
}
