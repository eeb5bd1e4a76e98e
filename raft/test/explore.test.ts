// Repair, fence and last-resort round, explored exhaustively within bounds (explore/): no committed
// entry is ever lost or changed, and a group that has lost a voter for good goes on. That the exploration would see it is shown by mutants.test.ts.
// `RAFT_EXPLORE=long npx vitest run --project raft explore` goes further, for some minutes.
import { describe, expect, test } from 'vitest'
import { bounds, longBounds } from './explore/bounds.ts'
import { explore } from './explore/explore.ts'

const isLong = process.env['RAFT_EXPLORE'] === 'long'

describe('every world within reach', () => {
  test.each(Object.entries(isLong ? longBounds : bounds))(
    'keeps what is committed: %s',
    (_, limits) => {
      const outcome = explore(limits)
      expect(outcome.path).toEqual([])
      expect(outcome.violation).toBeUndefined()
      // It went where it was meant to go.
      const { actions, effects } = outcome
      expect(actions['feed']).toBeGreaterThan(1000)
      expect(effects['commit']).toBeGreaterThan(1000)
      if (limits.budget.late > 0) expect(actions['late']).toBeGreaterThan(500)
      if (limits.damages.some((damage) => damage === 'lost')) {
        expect(effects['recovered']).toBeGreaterThan(0)
      }
      // Each world with a loss was also led to its end: the group goes on (ending.ts).
      if (limits.budget.losses > 0) {
        expect(actions['lose']).toBeGreaterThan(1000)
        expect(actions['tell']).toBeGreaterThan(1000)
        expect(effects['dropped']).toBeGreaterThan(100)
      }
      if (limits.damages.some((damage) => damage === 'undecided')) {
        expect(actions['repair']).toBeGreaterThan(500)
        expect(effects['dropped']).toBeGreaterThan(5)
      }
    },
    isLong ? 1_200_000 : 120_000,
  )
})
