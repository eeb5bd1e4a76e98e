// What is still wrong with the files of nodes after damage: while they run, by what they say of their
// own checks; when they are stopped, by `quorate storage verify`.
import { quorate } from './command.ts'
import type { LocalNode } from './local-node.ts'

/**
 * A running node has read all its segments and checkpoints since that moment of the calendar, and has
 * got back what it lost.
 */
export async function hasCheckedItself(
  node: Pick<LocalNode, 'metric'>,
  sinceMs: number,
): Promise<boolean> {
  const startedSeconds = (await node.metric('quorate_scrub_cycle_start_seconds')) ?? 0
  if (startedSeconds * 1000 < sinceMs) return false
  return (await node.metric('quorate_storage_missing_entries')) === 0
}

/** What `storage verify` finds in the data folder of a stopped node. */
export async function stillDamaged(data: string): Promise<string[]> {
  const { stdout, stderr } = await quorate(['storage', 'verify', data, '-o', 'jsonl'])
  if (stdout === '') return [stderr]
  const lines = stdout.trimEnd().split('\n')
  return lines.filter((line) => {
    const { type, state, damagedEntries } = JSON.parse(line)
    if (type === 'group') return damagedEntries > 0
    return state !== 'good' && state !== 'torn'
  })
}
