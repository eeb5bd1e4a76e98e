// `testCluster`: checks what is asked for, draws a seed when none is given, and starts the cluster of
// test-cluster.ts.
import { invalid } from './invalid.ts'
import { TestCluster } from './test-cluster.ts'
import type { TestClusterOptions } from './test-cluster-options.ts'
import { drawSeed, print } from './turns-node.ts'

/** Starts a cluster in this process: no ports, no files, no real time. */
export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes = 3, time = 'virtual', seed } = options
  if (![1, 3, 5].includes(nodes)) throw invalid(`nodes is ${String(nodes)}, not 1, 3 or 5`)
  if (time !== 'virtual' && time !== 'real') throw invalid(`time ${String(time)}`)
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw invalid(`seed is ${String(seed)}, no whole number from 0`)
  }
  const chosen = seed ?? drawSeed()
  if (seed === undefined) print(`testCluster: seed ${chosen}`)
  return new TestCluster({ nodes, time, seed: chosen })
}
