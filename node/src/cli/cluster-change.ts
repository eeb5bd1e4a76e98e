// `quorate cluster add-node | replace-node | remove-node`: who is in the cluster. Adding and
// replacing end when the cluster has agreed and the plan file says so; removing waits until the node
// holds nothing any more.
import { randomBytes } from 'node:crypto'
import type { Client, NodeAddReply } from '@quorate/client'
import { QuorateError } from '@quorate/protocol'
import { parseAddress } from '../mesh/address.ts'
import { isNodeId, type JoinedNode, type Plan, planNode } from '../storage/plan.ts'
import { type WaitOptions, waitUntilDone } from './cluster-wait.ts'
import { outputFormat, printRows } from './output.ts'
import {
  pendingNode,
  readPlanFile,
  withMembers,
  withoutNode,
  withPending,
  writePlanFile,
} from './plan-file.ts'
import { type ClientOptions, withClient } from './session.ts'
import { UsageError } from './usage-error.ts'

const formats = ['table', 'json', 'jsonl'] as const

interface JoinOptions extends ClientOptions {
  readonly plan?: string
  readonly address?: string
}

export async function runAddNode(id: string, options: JoinOptions): Promise<void> {
  const { address } = options
  if (address === undefined) throw new UsageError('add-node takes --address HOST:PORT')
  const file = planFile(options)
  const plan = readPlanFile(file)
  const known = planNode(plan, id)
  if (known !== undefined && !('sinceIndex' in known)) {
    throw new QuorateError('QUORATE_NODE_EXISTS', `${id} is in ${file}`)
  }
  // Agreed to before: the same is asked for again, which changes nothing.
  const node = known ?? pendingNode(plan, id, checkedAddress(address), freshIncarnation())
  const { incarnation } = node
  const ask = (client: Client) => client.admin.addNode({ node: id, incarnation, address })
  await join(plan, node, { ...options, plan: file }, ask)
}

export async function runReplaceNode(id: string, options: JoinOptions): Promise<void> {
  const { address } = options
  const file = planFile(options)
  const plan = readPlanFile(file)
  const known = planNode(plan, id)
  if (known === undefined) throw new QuorateError('QUORATE_UNKNOWN_NODE', `${id} is not in ${file}`)
  const there = address === undefined ? known.address : checkedAddress(address)
  const node = pendingNode(plan, id, there, freshIncarnation())
  const { incarnation } = node
  const ask = (client: Client) =>
    client.admin.replaceNode({
      node: id,
      incarnation,
      ...(address === undefined ? {} : { address }),
    })
  await join(plan, node, { ...options, plan: file }, ask)
}

function planFile({ plan }: JoinOptions): string {
  if (plan === undefined) throw new UsageError('give the plan of the cluster with --plan FILE')
  return plan
}

function freshIncarnation(): string {
  return randomBytes(8).toString('hex')
}

function checkedAddress(address: string): string {
  if (parseAddress(address).port > 0) return address
  throw new UsageError(`--address: ${address} has no port others could connect to`)
}

async function join(
  plan: Plan,
  node: JoinedNode,
  options: ClientOptions & { readonly plan: string },
  ask: (client: Client) => Promise<NodeAddReply>,
): Promise<void> {
  const format = outputFormat(options.output, formats)
  const { plan: file } = options
  if (!isNodeId(node.id)) throw new UsageError(`${node.id} is no node id: use A-Z a-z 0-9 -`)
  const { members } = await withClient(options, async (client) => {
    await checkCluster(client, plan, file)
    writePlanFile(file, withPending(plan, node))
    try {
      return await ask(client)
    } catch (error) {
      // Otherwise the cluster may have agreed: run again, the command asks for the same.
      if (isRefused(error)) writePlanFile(file, plan)
      throw error
    }
  })
  writePlanFile(file, withMembers(withPending(plan, node), members))
  const row = members.find(({ id }) => id === node.id)!
  printRows(format, [{ ...row }], row)
  process.stderr.write(
    `${file} has ${node.id} now\n` +
      `next, on its machine: quorate server format --plan ${file} --node ${node.id} --data FOLDER\n`,
  )
}

async function checkCluster(client: Client, { clusterId }: Plan, file: string): Promise<void> {
  const status = await client.admin.clusterStatus()
  if (status.clusterId === clusterId) return
  const detail = `${file} is the plan of ${clusterId}, ${status.answeredBy} is in ${status.clusterId}`
  throw new QuorateError('QUORATE_WRONG_CLUSTER', detail)
}

function isRefused(error: unknown): boolean {
  return error instanceof QuorateError && !error.retriable && error.outcome !== 'unknown'
}

interface RemoveOptions extends ClientOptions, WaitOptions {
  readonly plan?: string
}

export async function runRemoveNode(id: string, options: RemoveOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  const { plan: file } = options
  const plan = file === undefined ? undefined : readPlanFile(file)
  const others = await withClient(options, async (client) => {
    if (plan !== undefined) await checkCluster(client, plan, file!)
    const { nodes } = await client.admin.clusterStatus()
    await client.admin.removeNode(id)
    return nodes.flatMap((node) => (node.up && node.node !== id ? [node.address] : []))
  })
  if (options.wait) {
    // The node itself is not told any more when the others have forgotten it.
    const server = others.length === 0 ? options.server : others.join(',')
    await withClient({ server }, (client) =>
      waitUntilDone(options, async () => drainText(id, await client.admin.clusterStatus())),
    )
    if (plan !== undefined) writePlanFile(file!, withoutNode(readPlanFile(file!), id))
  }
  const row = { node: id, state: options.wait ? 'removed' : 'leaving' }
  printRows(format, [row], row)
  const next = options.wait
    ? `stop ${id} and remove its data folder`
    : `quorate cluster status shows when ${id} has left; then stop it and remove its data folder`
  process.stderr.write(`next: ${next}\n`)
}

/** What a leaving node still has; undefined when it is none of the cluster's. */
export function drainText(
  id: string,
  status: {
    readonly nodes: readonly { readonly node: string }[]
    readonly leaving: readonly { readonly node: string; readonly replicas: number }[]
    readonly movesCount: number
  },
): string | undefined {
  const { nodes, leaving, movesCount } = status
  if (!nodes.some(({ node }) => node === id)) return undefined
  const replicas = leaving.find(({ node }) => node === id)?.replicas ?? 0
  return `${id} has ${replicas} replicas left, ${movesCount} partitions are on the move`
}
