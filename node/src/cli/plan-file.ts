// The plan file of a cluster, and what changes in it when nodes join, come back or leave: whoever
// formats a folder from it must find the cluster as it is. Written whole, by rename, mode 0600: it
// holds the secret of the cluster. A node that is being added is noted before the cluster is asked,
// so that the same command run again asks for the same incarnation.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type ClusterMember, QuorateError } from '@quorate/protocol'
import { type JoinedNode, type Plan, parsePlan, planNode } from '../storage/plan.ts'

export function readPlanFile(file: string): Plan {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `--plan ${file}`, { cause })
  }
  return parsePlan(text)
}

export function writePlanFile(file: string, plan: Plan): void {
  const temporary = `${file}.tmp`
  try {
    rmSync(temporary, { force: true })
    writeFileSync(temporary, planText(plan), { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
  } catch (cause) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `--plan ${file}`, { cause })
  }
}

export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`
}

/** The node as it is asked for: with the incarnation of an earlier try, if there was one. */
export function pendingNode(plan: Plan, id: string, address: string, fresh: string): JoinedNode {
  const known = planNode(plan, id)
  const isAgain = known !== undefined && 'sinceIndex' in known && known.sinceIndex === 0
  const incarnation = isAgain ? known.incarnation : fresh
  return { id, incarnation, address, metadataReplicaId: 0, sinceIndex: 0 }
}

export function withPending(plan: Plan, node: JoinedNode): Plan {
  const { joined = [], left = [], ...rest } = plan
  const others = joined.filter(({ id }) => id !== node.id)
  return { ...rest, joined: [...others, node], ...leftOf(left.filter((id) => id !== node.id)) }
}

/** The cluster has answered: these are its members. */
export function withMembers(plan: Plan, members: readonly ClusterMember[]): Plan {
  const { joined: _joined, left: _left, ...rest } = plan
  const known = new Set(members.map(({ id }) => id))
  const left = plan.nodes.map(({ id }) => id).filter((id) => !known.has(id))
  return { ...rest, joined: members.filter(({ sinceIndex }) => sinceIndex > 0), ...leftOf(left) }
}

export function withoutNode(plan: Plan, id: string): Plan {
  const { joined = [], left = [], ...rest } = plan
  const others = joined.filter((node) => node.id !== id)
  return { ...rest, joined: others, ...leftOf([...new Set([...left, id])].sort()) }
}

function leftOf(left: readonly string[]): Pick<Plan, 'left'> {
  return left.length === 0 ? {} : { left }
}
