// Requests and linearizable reads of this node on their way to the leader of the metadata group:
// served here when this replica leads, else forwarded to the leader's node, and tried again until
// their deadline. A retry is harmless: a request carries an id, a read changes nothing. Previous
// stop: handlers/; next stop: metadata-actor.ts here or on the leader's node.
import { QuorateError } from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { Outcome, ProposalResult } from './metadata-message.ts'
import type { MetadataRequest } from './metadata-request.ts'

export interface MetadataForwarder {
  /** One attempt at the leader's node; `done` is called exactly once, on a later turn. */
  propose(
    node: string,
    request: MetadataRequest,
    done: (outcome: Outcome<ProposalResult>) => void,
  ): void
  read(node: string, done: (outcome: Outcome<number>) => void): void
}

export interface RequestSurroundings {
  readonly node: string
  readonly forwarder: MetadataForwarder
  leaderNode(): string | undefined
  applied(): number
  nowMs(): number
  /** Asks for one `retryDue`. */
  retryLater(delayMs: number): void
  /** Runs in the actor's turn. */
  inTurn(run: () => void): void
  proposeHere(request: MetadataRequest, respond: (outcome: Outcome<ProposalResult>) => void): void
  readHere(respond: (outcome: Outcome<number>) => void): void
}

interface PendingProposal {
  readonly kind: 'propose'
  readonly request: MetadataRequest
  readonly deadlineMs: number
  readonly respond: (outcome: Outcome<ProposalResult>) => void
  /** An attempt is out: in this replica's log or at the leader's node. */
  attempted: boolean
}

interface PendingRead {
  readonly kind: 'read'
  readonly deadlineMs: number
  readonly respond: (outcome: Outcome<number>) => void
  attempted: boolean
  /** Index to apply before answering, once the leader has confirmed it. */
  index: number | undefined
}

const retryMs = 50

export class MetadataRequests {
  readonly #around: RequestSurroundings
  readonly #pending = new Set<PendingProposal | PendingRead>()
  #retryArmed = false

  constructor(around: RequestSurroundings) {
    this.#around = around
  }

  propose(
    request: MetadataRequest,
    deadlineMs: number,
    respond: (outcome: Outcome<ProposalResult>) => void,
  ): void {
    this.#admit({ kind: 'propose', request, deadlineMs, respond, attempted: false })
  }

  read(deadlineMs: number, respond: (outcome: Outcome<number>) => void): void {
    this.#admit({ kind: 'read', deadlineMs, respond, attempted: false, index: undefined })
  }

  retryDue(): void {
    this.#retryArmed = false
    this.retry()
  }

  /** Something changed: a leader, an applied entry, or time. */
  retry(): void {
    const nowMs = this.#around.nowMs()
    for (const pending of [...this.#pending]) {
      if (pending.kind === 'read' && this.#settleRead(pending)) continue
      if (pending.deadlineMs <= nowMs) {
        this.#pending.delete(pending)
        pending.respond({ error: new QuorateError('QUORATE_TIMEOUT', 'metadata group') })
      } else if (!pending.attempted) this.#attempt(pending)
    }
    this.#armRetry()
  }

  close(): void {
    const pending = [...this.#pending]
    this.#pending.clear()
    for (const { respond } of pending) {
      respond({ error: new QuorateError('QUORATE_SHUTTING_DOWN') })
    }
  }

  #admit(pending: PendingProposal | PendingRead): void {
    if (this.#pending.size >= limits.metadataRequestsMax) {
      pending.respond({ error: new QuorateError('QUORATE_OVERLOADED', 'metadata group') })
      return
    }
    this.#pending.add(pending)
    this.#attempt(pending)
    this.#armRetry()
  }

  #armRetry(): void {
    if (this.#retryArmed || this.#pending.size === 0) return
    this.#retryArmed = true
    this.#around.retryLater(retryMs)
  }

  #attempt(pending: PendingProposal | PendingRead): void {
    const { node, forwarder, leaderNode, proposeHere, readHere } = this.#around
    const leader = leaderNode()
    if (leader === undefined) return
    pending.attempted = true
    if (pending.kind === 'propose') {
      const settle = (outcome: Outcome<ProposalResult>) => this.#settleProposal(pending, outcome)
      if (leader === node) proposeHere(pending.request, settle)
      else forwarder.propose(leader, pending.request, this.#inTurn(settle))
    } else {
      const settle = (outcome: Outcome<number>) => this.#confirmRead(pending, outcome)
      if (leader === node) readHere(settle)
      else forwarder.read(leader, this.#inTurn(settle))
    }
  }

  #inTurn<Value>(settle: (outcome: Outcome<Value>) => void): (outcome: Outcome<Value>) => void {
    return (outcome) => this.#around.inTurn(() => settle(outcome))
  }

  #settleProposal(pending: PendingProposal, outcome: Outcome<ProposalResult>): void {
    pending.attempted = false
    if ('error' in outcome && outcome.error.retriable) return
    if (this.#pending.delete(pending)) pending.respond(outcome)
  }

  #confirmRead(pending: PendingRead, outcome: Outcome<number>): void {
    if ('error' in outcome) {
      pending.attempted = false
      return
    }
    pending.index = outcome.value
    this.#settleRead(pending)
  }

  #settleRead(pending: PendingRead): boolean {
    const applied = this.#around.applied()
    if (pending.index === undefined || pending.index > applied) return false
    if (this.#pending.delete(pending)) pending.respond({ value: applied })
    return true
  }
}
