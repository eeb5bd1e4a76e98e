import fc from 'fast-check'
import { expect, test } from 'vitest'
import { playedThrough } from './crash-model.ts'
import type { Operation } from './crash-replica.ts'

const weighted: Record<Operation['kind'], number> = {
  append: 10,
  replace: 3,
  vote: 2,
  commit: 6,
  roll: 4,
  checkpoint: 3,
  retain: 2,
  trim: 1,
  'crash-after-append': 0,
  create: 3,
  drop: 1,
  read: 3,
  run: 8,
  'fill-disk': 1,
  'free-disk': 1,
  kill: 1,
  'cut-power': 1,
  'crash-soon': 1,
  'crash-in-start': 1,
  damage: 0,
  install: 1,
  'damage-live': 0,
  misdirect: 0,
  fault: 0,
  remember: 0,
  close: 1,
}

const operation = fc.record<Operation>({
  kind: fc.oneof(
    ...Object.entries(weighted).map(([kind, weight]) => ({
      weight,
      arbitrary: fc.constant(kind as Operation['kind']),
    })),
  ),
  group: fc.nat(2),
  size: fc.nat(20_000),
  count: fc.nat(12),
})

/** More for a long search. */
const runs = Number(process.env['STORAGE_RUNS'] ?? 200)

test(
  'whatever happens between, a crash leaves everything that was promised and nothing else',
  () => {
    let crashes = 0
    let startsCutOff = 0
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 120, size: 'max' }),
        fc.nat(1_000_000),
        fc.constantFrom(2, 3, 100),
        (operations, seed, copyForwardFiles) => {
          const model = playedThrough(`model-${seed}`, operations, copyForwardFiles)
          crashes += model.crashes
          startsCutOff += model.startsCutOff
        },
      ),
      { numRuns: runs },
    )
    expect(crashes).toBeGreaterThan(400)
    expect(startsCutOff).toBeGreaterThan(50)
  },
  Math.max(60_000, runs * 300),
)
