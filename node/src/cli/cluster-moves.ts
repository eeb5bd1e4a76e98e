// `quorate cluster move-partition | rebalance | can-stop`: where replicas are, and whether a node
// can be spared for a while.
import type { CanStopReply, PartitionMove, TopicDescription } from '@quorate/client'
import { QuorateError, validTopicName } from '@quorate/protocol'
import { wholeNumber } from './arguments.ts'
import { type WaitOptions, waitUntilDone } from './cluster-wait.ts'
import { outputFormat, printRows, type Row } from './output.ts'
import { type ClientOptions, withClient } from './session.ts'
import { UsageError } from './usage-error.ts'

const formats = ['table', 'json', 'jsonl'] as const

interface MoveOptions extends ClientOptions, WaitOptions {
  readonly replicas?: string
}

export async function runMove(topic: string, text: string, options: MoveOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  if (!validTopicName(topic)) throw new QuorateError('QUORATE_INVALID_TOPIC', topic)
  const partition = wholeNumber('the partition', text, 0, 1023)
  const replicas = nodeList(options.replicas)
  const move = await withClient(options, async (client) => {
    const begun = await client.admin.movePartition(topic, partition, replicas)
    if (options.wait) {
      await waitUntilDone(options, async () =>
        moveText(partition, replicas, await client.admin.describeTopic(topic)),
      )
    }
    return begun
  })
  printRows(format, [{ ...move }], move)
}

export function nodeList(text: string | undefined): string[] {
  const nodes = (text ?? '').split(',').map((node) => node.trim())
  if (nodes.some((node) => node === '')) {
    throw new UsageError('--replicas takes node ids by commas, the preferred leader first')
  }
  return nodes
}

/** What is left to do; undefined when the partition is where it is wanted. */
export function moveText(
  partition: number,
  wanted: readonly string[],
  { partitionStates }: Pick<TopicDescription, 'partitionStates'>,
): string | undefined {
  const state = partitionStates.find((each) => each.partition === partition)
  if (state === undefined || state.removing.length === 0) return undefined
  const missing = wanted.filter((node) => {
    const replica = state.replicas.find((each) => each.node === node)
    return replica?.role === 'unreachable'
  })
  const problem = missing.length === 0 ? '' : `; no replica answers on ${missing.join(', ')}`
  return `partition ${partition} still needs ${state.removing.join(', ')}${problem}`
}

interface RebalanceOptions extends ClientOptions, WaitOptions {
  readonly dryRun?: boolean
}

export async function runRebalance(options: RebalanceOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  const dryRun = options.dryRun === true
  const { moves } = await withClient(options, async (client) => {
    const planned = await client.admin.rebalance({ dryRun })
    if (!dryRun && options.wait) {
      await waitUntilDone(options, async () => {
        const { rebalancing, movesCount } = await client.admin.clusterStatus()
        return rebalancing ? `evening out: ${movesCount} partitions are on the move` : undefined
      })
    }
    return planned
  })
  printRows(format, moves.map(moveRow), { moves })
  if (moves.length === 0)
    process.stderr.write(
      'nothing to move: replicas and preferred leaders are even over the nodes that are up\n',
    )
}

function moveRow({ topic, partition, from, to }: PartitionMove): Row {
  return { topic, partition, from, to }
}

export async function runCanStop(node: string, options: ClientOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  const reply = await withClient(options, (client) => client.admin.canStop(node))
  const rows = reply.groups.map(({ topic, partition, reason }) => ({
    group: groupText({ topic, partition }),
    reason,
  }))
  printRows(format, rows, reply)
  process.stderr.write(`${stopText(reply)}\n`)
  process.exitCode = reply.canStop ? 0 : 1
}

export function groupText({
  topic,
  partition,
}: {
  readonly topic: string | null
  readonly partition: number
}): string {
  return topic === null ? 'metadata' : `${topic}/${partition}`
}

export function stopText({ node, canStop, checked, count }: CanStopReply): string {
  if (canStop) return `${node} can be stopped: the ${checked} groups on it keep a quorum without it`
  const which = count === 1 ? '1 group' : `${count} groups`
  return `${node} cannot be stopped: ${which} of ${checked} on it would have no quorum`
}
