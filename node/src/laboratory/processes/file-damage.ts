// Damages one file of a stopped node, as a disk or a person might: bits flip, the end is cut off,
// the content becomes zeros, the file is gone. Which file and where follows from a random source.
// Only what has been used is hit: in a WAL file the zeros behind the last batch hold nothing.
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Random } from '@quorate/actors'
import { damageableKinds } from '../../simulation/damageable-files.ts'

export const damages = ['flip', 'truncate', 'zero', 'delete'] as const
export type Damage = (typeof damages)[number]

/** Those of simulated disks, and the copy of the secret. */
export const fileKinds = [...damageableKinds, 'wal/secret'] as const
export type FileKind = (typeof fileKinds)[number]

const pieceBytes = 1024 * 1024
const zeros = Buffer.alloc(pieceBytes)

/** Paths below the data folder, in one order. */
export function filesOfKind(data: string, kind: FileKind): string[] {
  const present = (names: readonly string[]) =>
    names.filter((name) => fs.existsSync(join(data, name)))
  if (kind === 'wal') {
    const names = fs.readdirSync(join(data, 'wal')).filter((name) => /^wal-\d+$/.test(name))
    return names
      .sort()
      .map((name) => `wal/${name}`)
      .filter((name) => usedBytes(join(data, name)) > 4096)
  }
  if (kind !== 'segment' && kind !== 'checkpoint') return present([kind])
  const prefix = kind === 'segment' ? 'seg-' : 'checkpoint-'
  return fs
    .readdirSync(join(data, 'groups'))
    .sort()
    .flatMap((group) => {
      const names = fs.readdirSync(join(data, 'groups', group)).sort()
      const own = names.filter((name) => name.startsWith(prefix) && !name.endsWith('.tmp'))
      return own.map((name) => `groups/${group}/${name}`)
    })
}

export interface DamagedRange {
  /** Below the data folder. */
  readonly file: string
  readonly from: number
  readonly to: number
}

export function damageFile(
  data: string,
  file: string,
  damage: Damage,
  random: Random,
): DamagedRange {
  const path = join(data, file)
  const used = usedBytes(path)
  const at = random.integer('damage', used)
  if (damage === 'delete') fs.rmSync(path)
  if (damage === 'truncate') fs.truncateSync(path, at)
  if (damage === 'zero') overwrite(path, at, new Uint8Array(used - at))
  if (damage === 'flip') {
    const byte = new Uint8Array(1)
    const descriptor = fs.openSync(path, 'r')
    fs.readSync(descriptor, byte, 0, 1, at)
    fs.closeSync(descriptor)
    overwrite(path, at, new Uint8Array([byte[0]! ^ (1 << random.integer('bit', 8))]))
  }
  return { file, from: damage === 'delete' ? 0 : at, to: damage === 'flip' ? at + 1 : used }
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const descriptor = fs.openSync(path, 'r+')
  fs.writeSync(descriptor, bytes, 0, bytes.byteLength, at)
  fs.closeSync(descriptor)
}

/** Up to the last byte that is not zero. From the end on: most of a new WAL file is zeros. */
function usedBytes(path: string): number {
  const descriptor = fs.openSync(path, 'r')
  try {
    const piece = Buffer.alloc(pieceBytes)
    let end = fs.fstatSync(descriptor).size
    while (end > 0) {
      const from = Math.max(0, end - pieceBytes)
      const read = fs.readSync(descriptor, piece, 0, end - from, from)
      if (!piece.subarray(0, read).equals(zeros.subarray(0, read))) {
        const last = piece.subarray(0, read).findLastIndex((byte) => byte !== 0)
        return from + last + 1
      }
      end = from
    }
    return 0
  } finally {
    fs.closeSync(descriptor)
  }
}
