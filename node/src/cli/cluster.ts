// `quorate cluster status`: nodes, leaders, and what needs attention.
import type { ClusterStatus, NodeStatus } from '@quorate/client'
import type { NodeDamage } from '@quorate/protocol'
import { groupText } from './cluster-moves.ts'
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
    ...movement(status),
    ...underReplicated(status),
  ]
}

const linesMax = 10

function movement({ leaving, moves, movesCount, rebalancing }: ClusterStatus): string[] {
  const lines = moves.map(({ topic, partition, replicas, removing }) => {
    const group = groupText({ topic, partition })
    return `~ ${group} moves to ${replicas.join(', ')}; leaving: ${removing.join(', ')}`
  })
  return [
    ...leaving.map(({ node, replicas }) => `~ ${node} is leaving: ${replicas} replicas left`),
    ...(rebalancing ? ['~ replicas are being evened out'] : []),
    ...firstOf(lines, movesCount, (more) => `~ ${more} more partitions are on the move`),
  ]
}

function underReplicated(status: ClusterStatus): string[] {
  const lines = status.underReplicated.map(({ topic, partition, voters, missing }) => {
    const group = groupText({ topic, partition })
    return `! ${group} has ${voters} replicas; down or behind: ${missing.join(', ')}`
  })
  const more = (count: number) => `! ${count} more groups have replicas that are down or behind`
  return firstOf(lines, status.underReplicatedCount, more)
}

function firstOf(
  lines: readonly string[],
  count: number,
  more: (count: number) => string,
): string[] {
  const shown = lines.slice(0, linesMax)
  return count > shown.length ? [...shown, more(count - shown.length)] : shown
}

function attention(node: NodeStatus): string[] {
  if (!node.up) return [`! ${node.node} does not answer`]
  const { node: name, halted, amnesiac, retentionHeld, refusing, ready } = node
  const { damage, damageCount } = node
  const moreDamage = (count: number) => `! ${name}: ${count} more damaged ranges`
  return [
    ...(ready ? [] : [`! ${name} is not ready: see /readyz on ${node.http ?? 'its HTTP port'}`]),
    ...halted.map((group) => `! ${name}: replica of ${group} has halted; its log says why`),
    ...amnesiac.map((group) => `! ${name}: the files of its replica of ${group} are missing`),
    ...firstOf(
      damage.map((each) => `! ${name}: ${damageText(each)}`),
      damageCount,
      moreDamage,
    ),
    ...retentionHeld.map(
      ({ group, reason }) => `! ${name}: retention of ${group} waits: ${reason}`,
    ),
    ...(refusing === null ? [] : [`! ${name} refuses produce: ${refusing}`]),
  ]
}

function damageText(damage: NodeDamage): string {
  const { state, group, file, from, to, firstIndex, lastIndex, detail } = damage
  const place = `${file} bytes ${from} to ${to}`
  switch (state) {
    case 'faulty':
      return firstIndex === undefined
        ? `${place}: ${detail}`
        : `entries ${firstIndex} to ${lastIndex} of ${group} cannot be read (${place}) and are fetched from other nodes`
    case 'unknown-tail':
      return `its replica of ${group} may have lost its latest entries; it gets them from its leader`
    case 'amnesiac':
      return `its replica of ${group} is lost and is replaced: ${detail}`
  }
}
