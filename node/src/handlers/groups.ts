// The question between nodes of how the groups stand that a node leads, and all answers together:
// which voters are missing in the cluster, and what stopping one node would do. A group no leader
// answers for has none that can be reached.
import { limits } from '../limits.ts'
import {
  type GroupHealth,
  hasVoter,
  losesQuorum,
  missingNodes,
  withoutNodesDown,
} from '../replication/group-health.ts'
import { type GroupId, type GroupKey, groupKey } from '../storage/log-entry.ts'
import type { Broker } from './broker.ts'
import type { AnswerReader } from './node-answers.ts'

export const groupsQuestion = 'groups'

/** A group led on the answering node. */
export interface LedGroup {
  readonly group: GroupId
  readonly health: GroupHealth
}

export interface GroupsAnswer {
  /** Keys of all groups the node leads. */
  readonly led: readonly GroupKey[]
  /** Those with voters that are down or behind, at most `limits.listedGroupsMax`. */
  readonly missing: readonly {
    readonly key: GroupKey
    readonly voters: number
    readonly nodes: readonly string[]
  }[]
  readonly missingCount: number
  /** Those that would lose their quorum without the node that was asked about. */
  readonly critical: readonly GroupKey[]
}

/** `without`: a node id, empty when nobody asks about a node. */
export function groupsHere(
  broker: Broker,
  without: string,
  done: (answer: GroupsAnswer) => void,
): void {
  broker.ledGroups((found) => {
    const groups = found.map(({ group, health }) => ({
      group,
      health: withoutNodesDown(health, (node) => broker.isUp(node)),
    }))
    const missing = groups.filter(({ health }) => missingNodes(health).length > 0)
    done({
      led: groups.map(({ group }) => groupKey(group)),
      missing: missing.slice(0, limits.listedGroupsMax).map(({ group, health }) => ({
        key: groupKey(group),
        voters: health.voters.length,
        nodes: missingNodes(health),
      })),
      missingCount: missing.length,
      critical: groups
        .filter(({ health }) => hasVoter(health, without) && losesQuorum(health, without))
        .map(({ group }) => groupKey(group)),
    })
  })
}

/** From every node that answers. */
export function gatherGroups(
  broker: Broker,
  without: string,
  done: (answer: GroupsAnswer) => void,
): void {
  const answers: GroupsAnswer[] = []
  const nodes = broker.nodeIds()
  let open = nodes.length
  const settle = (answer: GroupsAnswer | undefined) => {
    if (answer !== undefined) answers.push(answer)
    open -= 1
    if (open > 0) return
    done({
      led: answers.flatMap(({ led }) => led),
      missing: answers.flatMap(({ missing }) => missing).slice(0, limits.listedGroupsMax),
      missingCount: answers.reduce((sum, { missingCount }) => sum + missingCount, 0),
      critical: answers.flatMap(({ critical }) => critical),
    })
  }
  for (const node of nodes) {
    if (node === broker.node) groupsHere(broker, without, settle)
    else {
      broker.askNode(node, groupsQuestion, { without }, groupsAnswer, (outcome) =>
        settle('value' in outcome ? outcome.value : undefined),
      )
    }
  }
}

const groupsAnswer: AnswerReader<GroupsAnswer> = (answer) => {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { led, missing, missingCount, critical } = answer as Record<string, unknown>
  const readable =
    areTexts(led) && areTexts(critical) && Array.isArray(missing) && missing.every(isMissing)
  return readable && Number.isSafeInteger(missingCount)
    ? { led, missing, missingCount: missingCount as number, critical }
    : undefined
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function isMissing(value: unknown): value is GroupsAnswer['missing'][number] {
  if (typeof value !== 'object' || value === null) return false
  const { key, voters, nodes } = value as Record<string, unknown>
  return typeof key === 'string' && typeof voters === 'number' && areTexts(nodes)
}
