// Power is cut for all nodes at once, under load and while they recover from the cut before. The
// long run is `npm run chaos -- storage`.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { quorate, temporaryFolder } from 'quorate/laboratory'
import { expect, onTestFinished, test } from 'vitest'
import { powerCutEnvironment } from '../../src/power-cut/library.ts'
import { powerCutModes, restore } from '../../src/power-cut/restore.ts'
import { PowerCutRun, roundOf } from '../../src/process/power-cut-round.ts'
import { hasPowerCut } from '../support/power-cut.ts'
import { stoppedAfterwards } from './support.ts'

const seed = 1
const rounds = 4

const isPossible = hasPowerCut(1 + powerCutModes.length)

test.skipIf(!isPossible)(
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

test.skipIf(!isPossible).for(powerCutModes)(
  'a folder that was formatted is whole after a power cut of kind %s right behind it',
  async (mode) => {
    const home = temporaryFolder('format')
    onTestFinished(() => rmSync(home, { recursive: true }))
    const [root, journal, plan] = ['root', 'journal', 'plan.json'].map((name) =>
      join(home, name),
    ) as [string, string, string]
    mkdirSync(root)
    const data = join(root, 'n1')
    const succeed = async (words: readonly string[], environment = {}) => {
      const { exitCode, stderr } = await quorate(words, { environment })
      expect(exitCode, stderr).toBe(0)
    }
    await succeed(['server', 'format', '--new-plan', plan, '--nodes', '127.0.0.1:4222'])
    await succeed(
      ['server', 'format', '--plan', plan, '--node', 'n1', '--data', data],
      powerCutEnvironment(root, journal),
    )
    const { names } = restore({ root, journal, mode, seed: 'format' })
    expect(names).toBe(0)
    await succeed(['storage', 'dump', data])
  },
)
