// The leading half of the metadata actor: puts requests into the log, one at a time, and confirms
// reads. It exists from the moment this replica becomes leader until it stops being one, and takes
// nothing before an entry of its own term was applied. Previous stop: metadata-actor.ts; next:
// metadata-request.ts, which makes the command, and raft-host.ts.
import { chunksOf, QuorateError } from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { NodeProbe } from '../probes.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { EntryType, type LogEntry, metadataGroup } from '../storage/log-entry.ts'
import { encodeCommand } from './commands.ts'
import type { MetadataMachine, MetadataResult } from './machine.ts'
import type { ProposalResult, Respond } from './metadata-message.ts'
import { commandFor, type MetadataRequest } from './metadata-request.ts'
import type { ReplicasNow } from './places.ts'
import { nextSteps } from './planner.ts'

export interface MetadataLeaderSurroundings {
  readonly host: RaftHost
  readonly machine: MetadataMachine
  readonly probe: NodeProbe
  isUp(node: string): boolean
  /** Asks for a `proposeNext` in a message of its own. */
  proposeSoon(): void
}

interface Queued {
  readonly request: MetadataRequest
  readonly respond: Respond<ProposalResult>
}

export class MetadataLeader {
  readonly #around: MetadataLeaderSurroundings
  readonly #reads = new Map<number, Respond<number>>()
  #queue: Queued[] = []
  /** The request in the log. */
  #proposed: { readonly index: number; readonly respond: Respond<ProposalResult> } | undefined
  #ready = false
  #proposeAsked = false
  #readIds = 0
  /** Own steps that wait or are in the log. */
  #steps = 0
  #stepIds = 0
  /** Members or places are not what they were when steps were last looked for. */
  #planAgain = true

  constructor(around: MetadataLeaderSurroundings) {
    this.#around = around
  }

  /** True once an entry of this leader's own term has been applied. */
  get ready(): boolean {
    return this.#ready
  }

  propose(request: MetadataRequest, respond: Respond<ProposalResult>): void {
    if (!this.#ready) respond({ error: notLeader() })
    else if (this.#queue.length >= limits.metadataRequestsMax) {
      respond({ error: new QuorateError('QUORATE_OVERLOADED', 'metadata group') })
    } else {
      this.#queue.push({ request, respond })
      this.#askToPropose()
    }
  }

  /** The metadata group's own configuration is this by now. */
  replicasChanged(now: ReplicasNow, done: () => void): void {
    const step = { kind: 'replicas-changed', ...metadataGroup, ...now } as const
    this.propose({ ...step, requestId: this.#stepId() }, done)
  }

  /** No node has this name: the answers remembered for nodes stay theirs. */
  #stepId(): string {
    this.#stepIds += 1
    return `$planner/${this.#around.host.term}-${this.#stepIds}`
  }

  /** Takes the cluster's own next steps; to be called now and then. */
  plan(): void {
    if (!this.#ready || this.#steps > 0) return
    if (this.#around.probe.provoke('metadata.plan-later')) return
    this.#planAgain = false
    const { machine, isUp } = this.#around
    for (const step of nextSteps(machine.state, isUp)) {
      this.#steps += 1
      this.propose({ ...step, requestId: this.#stepId() }, () => {
        this.#steps -= 1
      })
    }
  }

  /**
   * One command at a time is in the log unapplied: placement and ids of the next are computed from
   * a state that holds the one before.
   */
  proposeNext(): void {
    this.#proposeAsked = false
    while (this.#proposed === undefined) {
      const next = this.#queue.shift()
      if (next === undefined) return
      const payload = this.#commandOf(next)
      if (payload === undefined) continue
      const { host } = this.#around
      const run = host.draft()
      const { index } = run.add(EntryType.metadata, chunksOf(payload))
      this.#proposed = { index, respond: next.respond }
      host.propose(run)
    }
  }

  /** Undefined: the request can never be granted, and that is answered. */
  #commandOf({ request, respond }: Queued): Uint8Array | undefined {
    const { machine, isUp } = this.#around
    try {
      return encodeCommand(commandFor(request, machine, isUp))
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      respond({ error })
      return undefined
    }
  }

  read(respond: Respond<number>): void {
    if (!this.#ready) {
      respond({ error: notLeader() })
      return
    }
    this.#readIds += 1
    this.#reads.set(this.#readIds, respond)
    this.#around.host.step({ type: 'read', readId: this.#readIds })
  }

  readReady(readId: number, index: number): void {
    const respond = this.#reads.get(readId)
    this.#reads.delete(readId)
    respond?.({ value: index })
  }

  readRefused(readId: number): void {
    const respond = this.#reads.get(readId)
    this.#reads.delete(readId)
    respond?.({ error: notLeader() })
  }

  /** An index this leader proposed at is only applied with its own entry while it still leads. */
  applied(entry: LogEntry, { reply, change }: MetadataResult): void {
    if (entry.term === this.#around.host.term) this.#ready = true
    if (change !== undefined && change.kind !== 'topic-created') this.#planAgain = true
    if (this.#proposed?.index !== entry.index) return
    const { respond } = this.#proposed
    this.#proposed = undefined
    if (reply === undefined) throw new Error(`metadata entry ${entry.index} has no reply`)
    respond({ value: { index: entry.index, reply } })
  }

  runApplied(): void {
    if (this.#planAgain) this.plan()
    if (this.#queue.length > 0) this.#askToPropose()
  }

  /** Leadership ended: what is in the log may yet commit, what is queued never will. */
  close(): void {
    const proposed = this.#proposed
    this.#proposed = undefined
    if (proposed !== undefined) this.#around.probe.reached('metadata.outcome-unknown')
    proposed?.respond({ error: new QuorateError('QUORATE_UNKNOWN_OUTCOME', 'metadata group') })
    const reads = [...this.#reads.values()]
    this.#reads.clear()
    for (const respond of reads) respond({ error: notLeader() })
    const queue = this.#queue
    this.#queue = []
    for (const { respond } of queue) respond({ error: notLeader() })
  }

  #askToPropose(): void {
    if (this.#proposeAsked || this.#proposed !== undefined) return
    this.#proposeAsked = true
    this.#around.proposeSoon()
  }
}

function notLeader(): QuorateError {
  return new QuorateError('QUORATE_NOT_LEADER', 'metadata group')
}
