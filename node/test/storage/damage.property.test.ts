import fc from 'fast-check'
import { expect, test } from 'vitest'
import { playedThrough } from './crash-model.ts'
import { operation } from './damage-operations.ts'

/** More, and other ones each time, for a long search. */
const runs = Number(process.env['RUNS'] ?? 150)
const seed = process.env['RUNS'] === undefined ? { seed: 1 } : {}

test(
  'what was promised is readable and unchanged or reported as damaged, and repairs to what it was',
  () => {
    const seen = {
      holes: 0,
      begun: 0,
      cutOff: 0,
      unknownTails: 0,
      checkpointsLost: 0,
      installs: 0,
      live: 0,
      failures: 0,
    }
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 100, size: 'max' }),
        fc.nat(1_000_000),
        fc.constantFrom(2, 100),
        (operations, seed, copyForwardFiles) => {
          const model = playedThrough(`damage-${seed}`, operations, copyForwardFiles)
          for (const name of Object.keys(seen) as (keyof typeof seen)[]) {
            seen[name] += model.seen[name]
          }
        },
      ),
      { numRuns: runs, ...seed },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  },
  Math.max(60_000, runs * 600),
)
