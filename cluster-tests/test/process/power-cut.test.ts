// Power is cut for all nodes at once, under load and while they recover from the cut before. The
// long run is `npm run chaos -- storage`.
import { expect, test } from 'vitest'
import { PowerCutRun, roundOf } from '../../src/process/power-cut-round.ts'
import { hasPowerCut } from '../support/power-cut.ts'
import { stoppedAfterwards } from './support.ts'

const seed = 1
const rounds = 4

test.skipIf(!hasPowerCut(1))(
  'after power cuts of all nodes at once, also during recovery, nothing acknowledged is lost, moved or doubled',
  async () => {
    const run = stoppedAfterwards(await PowerCutRun.start())
    let lostPages = 0
    for (let number = 0; number < rounds; number += 1) {
      const { problems, lost } = await run.round(roundOf(seed, number))
      expect(problems).toEqual([])
      lostPages += lost.pages
    }
    // Else nothing was at stake.
    expect(lostPages).toBeGreaterThan(0)
  },
)
