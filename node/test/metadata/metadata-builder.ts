// A cluster's metadata for tests: the plan's initial state and a log of commands applied to it, as
// its leader would make them. Decides nothing itself.
import { encodeCommand, type MetadataCommand } from '../../src/metadata/commands.ts'
import { initialMetadata, type PlanNodes } from '../../src/metadata/initial.ts'
import { MetadataMachine, type MetadataResult } from '../../src/metadata/machine.ts'
import { commandFor, type MetadataRequest } from '../../src/metadata/metadata-request.ts'
import type { GroupId } from '../../src/storage/log-entry.ts'
import { LogBuilder } from '../partition/log-builder.ts'

export function planOf(nodes: number): PlanNodes {
  return {
    clusterId: '00112233445566aa',
    nodes: Array.from({ length: nodes }, (_, at) => ({
      id: `n${at + 1}`,
      incarnation: `${at + 1}`.padStart(16, '0'),
      address: `127.0.0.1:${4222 + at}`,
      voter: at < 5,
    })),
  }
}

export class MetadataBuilder {
  readonly plan: PlanNodes
  readonly log = new LogBuilder()
  readonly machine: MetadataMachine
  #ids = 0

  constructor(nodes = 3) {
    this.plan = planOf(nodes)
    this.machine = initialMetadata(this.plan)
  }

  requestId(node = 'n1'): string {
    this.#ids += 1
    return `${node}/${this.#ids}`
  }

  apply(command: MetadataCommand): MetadataResult {
    return this.machine.apply(this.log.metadata(encodeCommand(command)))
  }

  request(request: MetadataRequest): MetadataResult {
    return this.apply(commandFor(request, this.machine))
  }

  create(name: string, partitions = 6, replicas = 3, requestId = this.requestId()): MetadataResult {
    return this.request({
      kind: 'create-topic',
      requestId,
      name,
      partitions,
      replicas,
      config: {},
    })
  }

  addNode(nodeId: string, incarnation = 'a000000000000001'): MetadataResult {
    const address = `${nodeId}:4222`
    const requestId = this.requestId()
    return this.request({ kind: 'add-node', requestId, nodeId, incarnation, address })
  }

  replaceNode(nodeId: string, incarnation: string): MetadataResult {
    const requestId = this.requestId()
    return this.request({ kind: 'replace-node', requestId, nodeId, incarnation, address: '' })
  }

  /** `remove-node` or `forget-node`. */
  node(kind: 'remove-node' | 'forget-node', nodeId: string): MetadataResult {
    return this.request({ kind, requestId: this.requestId(), nodeId })
  }

  move(topic: string, partition: number, nodes: readonly string[]): MetadataResult {
    const topicId = this.machine.topicByName(topic)!.id
    const requestId = this.requestId()
    return this.request({ kind: 'change-replicas', requestId, topicId, partition, nodes })
  }

  /** The group's own configuration is what was desired. */
  settled(group: GroupId): MetadataResult {
    return this.request(this.report(group))
  }

  /** That the group's own configuration is what is desired now. */
  report(group: GroupId): MetadataRequest {
    const { voters, learners, changedIndex = 0 } = this.machine.desiredOf(group)!
    return {
      kind: 'replicas-changed',
      requestId: this.requestId(),
      ...group,
      voters: voters.map(({ replicaId }) => replicaId),
      learners: learners.map(({ replicaId }) => replicaId),
      changedIndex,
    }
  }

  remove(name: string, topicId?: number): MetadataResult {
    return this.request({ kind: 'delete-topic', requestId: this.requestId(), name, topicId })
  }
}

export function bytesOf(machine: MetadataMachine): string {
  return new TextDecoder().decode(machine.snapshot())
}

export function restored(machine: MetadataMachine): MetadataMachine {
  return MetadataMachine.restore(machine.snapshot())
}
