// `quorate cluster status`: nodes, leaders, and what needs attention.
import type { ClusterStatus, NodeStatus } from '@quorate/client'
import { outputFormat, printRows, type Row } from './output.ts'
import { type ClientOptions, withClient } from './session.ts'

export async function runStatus(options: ClientOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json', 'jsonl'])
  const status = await withClient(options, (client) => client.admin.clusterStatus())
  const { nodes } = status
  printRows(
    format,
    format === 'table' ? nodes.map(nodeRow) : nodes.map((node) => ({ ...node })),
    status,
  )
  if (format === 'table') process.stdout.write(`${statusLines(status).join('\n')}\n`)
}

function nodeRow(node: NodeStatus): Row {
  const state: Partial<Extract<NodeStatus, { up: true }>> = node.up ? node : {}
  return {
    node: node.node,
    up: node.up,
    ready: state.ready,
    nats: state.address,
    http: state.http,
    leaders: state.leaders,
    replicas: state.replicas,
    version: state.version,
  }
}

/** The cluster in one line, then a line for each thing an operator should know. */
export function statusLines(status: ClusterStatus): string[] {
  const { clusterId, metadataLeader, metadataTerm, topics, nodes } = status
  const leader =
    metadataLeader === null ? 'no metadata leader' : `metadata leader ${metadataLeader}`
  return [
    `cluster ${clusterId}: ${topics} topics, ${leader} in term ${metadataTerm}`,
    ...nodes.flatMap(attention),
  ]
}

function attention(node: NodeStatus): string[] {
  if (!node.up) return [`! ${node.node} does not answer`]
  const { node: name, halted, amnesiac, retentionHeld, refusing, ready } = node
  return [
    ...(ready ? [] : [`! ${name} is not ready: see /readyz on ${node.http ?? 'its HTTP port'}`]),
    ...halted.map((group) => `! ${name}: replica of ${group} has halted; its log says why`),
    ...amnesiac.map((group) => `! ${name}: the files of its replica of ${group} are missing`),
    ...retentionHeld.map(
      ({ group, reason }) => `! ${name}: retention of ${group} waits: ${reason}`,
    ),
    ...(refusing === null ? [] : [`! ${name} refuses produce: ${refusing}`]),
  ]
}
