// Damage to real files between SIGKILL and restart, while the other nodes carry the load.
import { expect, test } from 'vitest'
import { DamageRun } from '../../src/process/damage-run.ts'
import { stoppedAfterwards } from './support.ts'

test('nodes without any copy of identity, manifest or secret end with the error that names the files, the others serve, and replace-node brings them back', async () => {
  const run = stoppedAfterwards(await DamageRun.start(3))
  for (const [node, kinds] of Object.entries({
    n1: ['identity', 'wal/identity'],
    n2: ['manifest.A', 'manifest.B'],
    n3: ['secret', 'wal/secret'],
  } as const)) {
    const files = kinds.map((kind) => ({ kind, damage: 'truncate' as const }))
    const [report] = await run.damage([{ node, files }])
    expect(report!.outcome).toBe('ended')
    for (const part of ['QUORATE_STORAGE_DAMAGED', ...kinds]) expect(report!.said).toContain(part)
  }
  expect(await run.finish()).toEqual([])
})
