// The main job on real input under a real fault: the example sends a file of 200,000 lines while
// the process that leads a partition is killed and started again. What the topic holds is compared
// here a second time, without the example's own comparison, and then the files of all nodes.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Client, topic } from '@quorate/client'
import { differences, dumpOf, runCommand } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import type { DevCluster } from '../../src/process/dev-cluster.ts'
import { devCluster } from './support.ts'

const example = resolve(import.meta.dirname, '../../../examples/log-processing/main.ts')
const name = 'log-lines'
const partitions = 6
const replicas = 3

test('200,000 lines come back equal, in order and dense although a leader is killed on the way, and all replicas end equal on disk', async () => {
  const cluster = await devCluster()
  const client = await cluster.connect()
  const file = join(cluster.folder, 'lines.txt')
  const faults = killAndRestart(cluster, client)
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [example, '--server', cluster.servers.join(','), '--file', file, '--topic', name],
    { timeoutMs: 90_000, onLine: faults.onLine },
  )
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('every line once and in order')
  const restartedAtMs = await faults.done()

  await compareWithFile(client, file)
  const { partitionStates } = await cluster.waitUntil(
    'all replicas have the same commit index and chain',
    async () => {
      const described = await cluster.describe(client, name)
      const found = differences(described, replicas)
      if (found.length > 0) throw new Error(found.join('\n'))
      return described
    },
    { timeoutMs: 30_000 - (performance.now() - restartedAtMs) },
  )

  await cluster.stopNodes()
  for (const { partition, replicas: states } of partitionStates) {
    const [state] = states
    if (state === undefined || state.role === 'unreachable') throw new Error('no replica')
    await compareDumps(cluster, partition, state.commitIndex, state.chainAtCommit)
  }
}, 150_000)

/** Kills the leader of partition 0 after a third of the lines, restarts it after two thirds. */
function killAndRestart(
  cluster: DevCluster,
  client: Client,
): { onLine(line: string): void; done(): Promise<number> } {
  const killed = Promise.withResolvers<string>()
  const restarted = Promise.withResolvers<number>()
  const kill = async () => {
    const leader = await cluster.leaderOf(client, name, 0)
    await leader.kill('SIGKILL')
    return leader.id
  }
  const restart = async () => {
    await cluster.restart(await killed.promise)
    return performance.now()
  }
  return {
    onLine(line) {
      if (line === 'acknowledged 60000 lines') killed.resolve(kill())
      if (line === 'acknowledged 140000 lines') restarted.resolve(restart())
    },
    done: () => restarted.promise,
  }
}

async function compareWithFile(client: Client, file: string): Promise<void> {
  const sent = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(sent.length).toBeGreaterThanOrEqual(200_000)
  const read: string[] = []
  const ends = new Map<number, number>()
  for await (const record of client.stream(topic(name, { codec: 'text' }), { until: 'end' })) {
    const { partition, offset, key, value } = record
    if (offset !== (ends.get(partition) ?? 0)) throw new Error(`${partition}: gap before ${offset}`)
    ends.set(partition, offset + 1)
    read.push(`${key}\t${value}`)
  }
  expect(ends.size).toBe(partitions)
  // A stable sort by source alone: equal only if every source has its lines in the order of the file.
  const source = (line: string) => line.slice(0, line.indexOf('\t'))
  const bySource = (left: string, right: string) =>
    source(left) < source(right) ? -1 : source(left) > source(right) ? 1 : 0
  expect(read.sort(bySource).join('\n') === sent.sort(bySource).join('\n')).toBe(true)
}

/**
 * Every node holds the same entries from the highest log start to the commit index. What lies behind
 * it was written while the nodes stopped one after the other and handed their leaderships over.
 */
async function compareDumps(
  cluster: DevCluster,
  partition: number,
  commitIndex: number,
  chainAtCommit: string,
): Promise<void> {
  const dumps = await Promise.all(cluster.nodes.map((node) => dumpOf(node, name, partition)))
  const highestStart = Math.max(...dumps.map((entries) => entries[0]?.index ?? 0))
  const [first, ...others] = dumps.map((entries) =>
    entries.filter(({ index }) => index >= highestStart && index <= commitIndex),
  )
  expect(first!.at(-1)).toMatchObject({ index: commitIndex, chain: chainAtCommit })
  for (const other of others) expect(other).toEqual(first)
}
