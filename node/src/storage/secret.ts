// The cluster's secret in the data folder: 64 hex digits in `secret`, which people may look at, and a
// checked copy in `wal/secret`. The copy decides when they differ, because only it notices damage.
// Written by format.ts, read at start-up.
import { QuorateError } from '@quorate/protocol'
import {
  decodeCheckedText,
  encodeCheckedText,
  readCheckedFileSync,
  readFileSync,
  replaceFileSync,
  writeNewFileSync,
} from './checked-text.ts'
import type { Disk } from './disk.ts'
import type { DamageReport } from './log-hole.ts'

export interface FoundSecret {
  readonly secret: string
  readonly reports: readonly DamageReport[]
}

const form = /^[0-9a-f]{64}$/

export function secretPaths(folder: string): readonly [string, string] {
  return [`${folder}/secret`, `${folder}/wal/secret`]
}

export function writeSecretSync(disk: Disk, folder: string, secret: string): void {
  for (const [position, path] of secretPaths(folder).entries()) {
    writeNewFileSync(disk, path, encode(secret, position))
  }
}

/** Throws QUORATE_STORAGE_DAMAGED when neither copy is readable. */
export function readSecretSync(disk: Disk, folder: string, mode: 'read' | 'write'): FoundSecret {
  const paths = secretPaths(folder)
  const plain = readFileSync(disk, paths[0])
  const checked = readCheckedFileSync(disk, paths[1])
  const text = plain === undefined ? '' : new TextDecoder().decode(plain).trim()
  const copy = checked === undefined ? undefined : decodeCheckedText(checked)
  const secret = typeof copy === 'string' && form.test(copy) ? copy : text
  if (!form.test(secret)) {
    const what = `${paths.join(' and ')}: neither holds a secret`
    const help = 'copy the file from another node of the cluster'
    throw new QuorateError('QUORATE_STORAGE_DAMAGED', `${what}; ${help}`)
  }
  const reports = [text, copy].flatMap((found, position): DamageReport[] => {
    if (found === secret) return []
    const detail = 'it did not hold the secret'
    return [{ state: 'repaired', file: paths[position]!, from: 0, to: 0, detail }]
  })
  if (mode === 'write') {
    for (const { file } of reports) {
      replaceFileSync(disk, file, encode(secret, paths.indexOf(file)))
    }
  }
  return { secret, reports }
}

function encode(secret: string, position: number): Uint8Array {
  return position === 0 ? new TextEncoder().encode(`${secret}\n`) : encodeCheckedText(secret)
}
