// The operations that are drawn for the damage property, and how often each.
import fc from 'fast-check'
import type { Operation } from './crash-replica.ts'

const weighted: Record<Operation['kind'], number> = {
  append: 10,
  replace: 2,
  vote: 2,
  commit: 6,
  roll: 4,
  checkpoint: 3,
  retain: 2,
  trim: 3,
  'crash-after-append': 2,
  create: 3,
  drop: 1,
  read: 1,
  run: 8,
  'fill-disk': 1,
  'free-disk': 2,
  kill: 2,
  'cut-power': 2,
  'crash-soon': 1,
  'crash-in-start': 1,
  damage: 4,
  install: 2,
  'damage-live': 3,
  misdirect: 1,
  fault: 1,
  remember: 1,
  close: 1,
}

export const operation: fc.Arbitrary<Operation> = fc.record<Operation>({
  kind: fc.oneof(
    ...Object.entries(weighted).map(([kind, weight]) => ({
      weight,
      arbitrary: fc.constant(kind as Operation['kind']),
    })),
  ),
  group: fc.nat(2),
  size: fc.nat(20_000),
  count: fc.nat(12),
  damage: fc.record({ choice: fc.nat(1000), number: fc.nat(20), at: fc.nat(1_000_000) }),
})
