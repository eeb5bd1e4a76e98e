// The nodes of a cluster change under load and kills, by the commands of an operator; then power fails
// for all who are there now. The long run is `npm run chaos -- membership`.
import { expect, test } from 'vitest'
import { MembershipRun, type MembershipStep } from '../../src/process/membership-run.ts'
import { hasPowerCut } from '../support/power-cut.ts'
import { stoppedAfterwards } from './support.ts'

const isCuttable = hasPowerCut(1)

/** n1 and n2 are gone in the end, and n3 has lost its folder. */
const steps: readonly MembershipStep[] = [
  { change: 'add', node: 'n4' },
  { change: 'add', node: 'n5' },
  { change: 'rebalance', partition: 0 },
  { change: 'remove', node: 'n1' },
  { change: 'kill-leader', partition: 1 },
  { change: 'remove', node: 'n2' },
  { change: 'replace', node: 'n3' },
  ...(isCuttable ? [{ change: 'cut-power', mode: 'keep-names' } as const] : []),
]

test('while nodes are added, removed and replaced under load and kills nothing is lost or doubled and writes stand still for 500 ms in the median, then the new nodes have every record', async () => {
  const run = stoppedAfterwards(await MembershipRun.start(isCuttable))
  for (const step of steps) await run.carryOut(step)
  expect(await run.finish()).toEqual([])
  expect(await run.readWithEachStopped()).toEqual([])
  const { medianMs, worstMs } = run.gaps()
  expect(run.kills.length).toBe(3)
  expect(medianMs).toBeLessThanOrEqual(500)
  expect(worstMs).toBeLessThanOrEqual(2000)
})
