// The branch `quorate cluster` of the tree of commands (program.ts): names, options, texts.
import type { Command } from 'commander'
import { client, example } from './program-parts.ts'

export function addCluster(program: Command, server: string): void {
  const cluster = program.command('cluster').description('look at the cluster and change its nodes')
  example(cluster, 'quorate cluster status')
  const status = client(cluster.command('status'), server)
    .description('show the nodes, what they lead, and what needs attention')
    .action(async (options) => (await import('./cluster.ts')).runStatus(options))
  example(status, 'quorate cluster status -o json')
  addNodes(cluster, server)
  const giveUp = client(cluster.command('give-up-node <node>'), server)
    .description('say that the disk of a node is gone for good, when nobody can replace the node')
    .option('--yes', 'do not ask')
    .action(async (node, options) =>
      (await import('./cluster-give-up.ts')).runGiveUp(node, options),
    )
  example(giveUp, 'quorate cluster give-up-node n2')
  addMoves(cluster, server)
  const canStop = client(cluster.command('can-stop <node>'), server)
    .description('tell whether every group keeps a quorum without a node; exit code 1: not')
    .action(async (node, options) => (await import('./cluster-moves.ts')).runCanStop(node, options))
  example(canStop, 'quorate cluster can-stop n2')
}

function addNodes(cluster: Command, server: string): void {
  const add = client(cluster.command('add-node <node>'), server)
    .description('take a new node into the cluster and note it in the plan file')
    .option('--address <address>', 'HOST:PORT where the others and clients reach it')
    .option('--plan <file>', 'the plan of the cluster; it is changed')
    .action(async (node, options) =>
      (await import('./cluster-change.ts')).runAddNode(node, options),
    )
  example(add, 'quorate cluster add-node n4 --address 10.0.0.4:4222 --plan plan.json')
  const replace = client(cluster.command('replace-node <node>'), server)
    .description('let a node that lost its data folder come back with an empty one')
    .option('--address <address>', 'HOST:PORT, when it is another one than before')
    .option('--plan <file>', 'the plan of the cluster; it is changed')
    .action(async (node, options) =>
      (await import('./cluster-change.ts')).runReplaceNode(node, options),
    )
  example(replace, 'quorate cluster replace-node n2 --plan plan.json')
  const remove = waiting(client(cluster.command('remove-node <node>'), server))
    .description('move everything off a node, and take it out of the cluster')
    .option('--plan <file>', 'the plan of the cluster, to note that the node has left')
    .action(async (node, options) =>
      (await import('./cluster-change.ts')).runRemoveNode(node, options),
    )
  example(remove, 'quorate cluster remove-node n4 --plan plan.json')
}

function addMoves(cluster: Command, server: string): void {
  const move = waiting(client(cluster.command('move-partition <topic> <partition>'), server))
    .description('move a partition to other nodes')
    .option('--replicas <nodes>', 'node ids by commas, the preferred leader first')
    .action(async (topic, partition, options) =>
      (await import('./cluster-moves.ts')).runMove(topic, partition, options),
    )
  example(move, 'quorate cluster move-partition orders 0 --replicas n2,n3,n4')
  const rebalance = waiting(client(cluster.command('rebalance'), server))
    .description('even out replicas and preferred leaders over the nodes')
    .option('--dry-run', 'only print what would move')
    .action(async (options) => (await import('./cluster-moves.ts')).runRebalance(options))
  example(rebalance, 'quorate cluster rebalance --dry-run')
}

function waiting(command: Command): Command {
  return command
    .option('--timeout <duration>', 'how long to wait until it is done', '30m')
    .option('--no-wait', 'end when the cluster has taken the order')
}
