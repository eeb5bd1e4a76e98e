// Damage to real files, of every kind, between SIGKILL and restart, while the other nodes carry the
// load. The tests mostly wait, for starts, repairs and leaders, so they run side by side.
import { expect, test } from 'vitest'
import { DamageRun, type FileDamage } from '../../src/process/damage-run.ts'
import { stoppedAfterwards } from './support.ts'

/** One after the other, on one node after the other. */
const healing: readonly (readonly FileDamage[])[] = [
  [{ kind: 'wal', damage: 'flip' }],
  [{ kind: 'wal', damage: 'truncate' }],
  [{ kind: 'wal', damage: 'delete' }],
  [
    { kind: 'segment', damage: 'zero' },
    { kind: 'hard.B', damage: 'flip' },
    { kind: 'manifest.B', damage: 'delete' },
    { kind: 'identity', damage: 'flip' },
    { kind: 'wal/secret', damage: 'delete' },
  ],
  [
    { kind: 'segment', damage: 'delete' },
    { kind: 'checkpoint', damage: 'flip' },
    { kind: 'hard.A', damage: 'zero' },
    { kind: 'manifest.A', damage: 'truncate' },
  ],
  [
    { kind: 'checkpoint', damage: 'delete' },
    { kind: 'wal/identity', damage: 'truncate' },
    { kind: 'secret', damage: 'zero' },
  ],
  // Term and vote of all its replicas: they are replaced.
  [
    { kind: 'hard.A', damage: 'delete' },
    { kind: 'hard.B', damage: 'delete' },
  ],
]

test.concurrent('a node whose files are damaged, of any kind, comes back by itself and heals while the others carry the load, and nothing acknowledged is lost', async ({
  onTestFinished,
}) => {
  const run = stoppedAfterwards(await DamageRun.start(1), onTestFinished)
  for (const [index, files] of healing.entries()) {
    const [report] = await run.damage([{ node: `n${1 + (index % 3)}`, files }])
    expect(report).toMatchObject({ outcome: 'ready' })
    if (files[0]!.kind === 'segment') expect(report!.repaired).toBeGreaterThan(0)
  }
  expect(await run.finish()).toEqual([])
})

test.concurrent('two nodes whose files are damaged at once in different ranges heal each other, and a bit that flipped unseen is found by a read', async ({
  onTestFinished,
}) => {
  const run = stoppedAfterwards(await DamageRun.start(2), onTestFinished)
  const reports = await run.damage([
    {
      node: 'n1',
      files: [
        { kind: 'segment', damage: 'zero', which: 0.3 },
        { kind: 'wal', damage: 'flip' },
      ],
    },
    {
      node: 'n2',
      files: [
        { kind: 'segment', damage: 'delete', which: 0.5 },
        { kind: 'segment', damage: 'truncate', which: 0.8 },
      ],
    },
  ])
  expect(reports).toMatchObject([{ outcome: 'ready' }, { outcome: 'ready' }])
  for (const { repaired } of reports) expect(repaired).toBeGreaterThan(0)

  // A start looks at the ends of segments, not into them.
  const flipped: FileDamage = { kind: 'segment', damage: 'flip', which: 0.5 }
  await run.damage([{ node: 'n3', files: [flipped] }])
  expect(await run.readAt('n3')).toEqual([])
  expect(await run.finish()).toEqual([])
})

test.concurrent('nodes without any copy of identity, manifest or secret end with the error that names the files, the others serve, and replace-node brings them back', async ({
  onTestFinished,
}) => {
  const run = stoppedAfterwards(await DamageRun.start(3), onTestFinished)
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
