// `quorate storage verify`: reads all files of a stopped node and prints what is good and what is
// not, per file and per group. Ends with 1 when something is damaged or missing. Changes nothing.
// Reading and checking: storage/verify.ts.
import { relative, resolve } from 'node:path'
import { createNodeDisk } from '../storage/disk-node.ts'
import { lockDataFolder } from '../storage/lock-node.ts'
import { type Verification, verifyStorage } from '../storage/verify.ts'
import { formatRows, type OutputFormat, outputFormat, type Row } from './output.ts'

export async function runVerify(data: string, options: { readonly output: string }): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json', 'jsonl'])
  const folder = resolve(data)
  const lock = await lockDataFolder(folder)
  try {
    const found = verifyStorage(createNodeDisk(), folder)
    process.stdout.write(verificationText(found, folder, format))
    if (!found.clean) process.exitCode = 1
  } finally {
    lock.release()
  }
}

export function verificationText(
  found: Verification,
  folder: string,
  format: OutputFormat,
): string {
  const files = found.ranges.map(
    ({ state, kind, file, from, to, group, replicaId, firstIndex, lastIndex, detail }): Row => ({
      state,
      kind,
      group: group ?? null,
      replicaId: replicaId ?? null,
      from,
      to,
      firstIndex: firstIndex ?? null,
      lastIndex: lastIndex ?? null,
      file: relative(folder, file) || '.',
      detail: detail ?? null,
    }),
  )
  const groups = found.groups.map((group): Row => ({ ...group }))
  const { nodeId, clean } = found
  if (format === 'json') return formatRows(format, [], { nodeId, clean, files, groups })
  if (format === 'jsonl') {
    const lines = [
      ...files.map((file) => ({ type: 'file', ...file })),
      ...groups.map((group) => ({ type: 'group', ...group })),
    ]
    return formatRows(format, lines, lines)
  }
  const verdict = clean ? 'no damage found' : 'DAMAGE FOUND'
  const tables = [files, groups].map((rows) => formatRows(format, rows, rows))
  return `${[...tables, `${verdict}\n`].filter((text) => text !== '').join('\n')}`
}
