// Power cuts of a cluster of real processes whose file changes are journaled: every node is killed in
// the same moment, and its files are put into a state the cut could have left. Knows nothing of load
// and of what has to hold afterwards.

import type { LocalCluster } from 'quorate/laboratory'
import { powerCutEnvironment } from '../power-cut/library.ts'
import { type Lost, type PowerCutMode, restore } from '../power-cut/restore.ts'

/** Environment of a node whose power can be cut. */
export function cuttable(data: string): Record<string, string> {
  return powerCutEnvironment(data, journalOf(data))
}

/** All processes end in one turn, so that none lives on to tell of it. */
export async function cutPower(
  cluster: LocalCluster,
  mode: PowerCutMode,
  seed: string,
): Promise<Lost[]> {
  const running = cluster.nodes.filter((node) => node.running)
  for (const node of running) node.signal('SIGKILL')
  await Promise.all(running.map((node) => node.ended()))
  return cluster.nodes.map(({ id, data }) => {
    return restore({ root: data, journal: journalOf(data), mode, seed: `${seed}/${id}` })
  })
}

function journalOf(data: string): string {
  return `${data}.journal`
}

export function sumOf(losses: readonly Lost[]): Lost {
  const total = { files: 0, pages: 0, ends: 0, names: 0, lostNames: 0 }
  for (const lost of losses) {
    for (const key of Object.keys(total) as (keyof Lost)[]) total[key] += lost[key]
  }
  return total
}
