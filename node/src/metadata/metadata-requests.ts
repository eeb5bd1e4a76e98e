// Requests and linearizable reads of this node on their way to the leader of the metadata group:
// served here when this replica leads, else forwarded to the leader's node, and tried again until
// their deadline. A retry is harmless: a request carries an id, a read changes nothing. Previous
// stop: handlers/; next stop: metadata-actor.ts here or on the leader's node.
import { QuorateError } from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { Outcome, ProposalResult, Respond } from './metadata-message.ts'
import type { MetadataRequest } from './metadata-request.ts'

export interface MetadataForwarder {
  /** One attempt at the leader's node; `done` is called exactly once, on a later turn. */
  propose(node: string, request: MetadataRequest, done: Respond<ProposalResult>): void
  read(node: string, done: Respond<number>): void
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
  proposeHere(request: MetadataRequest, respond: Respond<ProposalResult>): void
  readHere(respond: Respond<number>): void
}

interface PendingProposal {
  readonly kind: 'propose'
  readonly request: MetadataRequest
  readonly deadlineMs: number
  readonly respond: Respond<ProposalResult>
  /** An attempt is out: in this replica's log or at the leader's node. */
  attempted: boolean
  /** An attempt ended without a certain answer: no later refusal makes it not-applied. */
  doubtful: boolean
}

interface PendingRead {
  readonly kind: 'read'
  readonly deadlineMs: number
  readonly respond: Respond<number>
  attempted: boolean
  /** Index to apply before answering, once the leader has confirmed it. */
  index: number | undefined
}

const retryMs = 50
/** Half of what the machine remembers of a node: a retry finds the answer to the attempt before. */
const attemptsMax = Math.floor(limits.rememberedRequestsMax / 2)

export class MetadataRequests {
  readonly #around: RequestSurroundings
  readonly #pending = new Set<PendingProposal | PendingRead>()
  /** Proposals of which an attempt is out. */
  #attempts = 0
  #retryArmed = false

  constructor(around: RequestSurroundings) {
    this.#around = around
  }

  get waiting(): number {
    return this.#pending.size
  }

  propose(request: MetadataRequest, deadlineMs: number, respond: Respond<ProposalResult>): void {
    const begun = { attempted: false, doubtful: false }
    this.#admit({ kind: 'propose', request, deadlineMs, respond, ...begun })
  }

  read(deadlineMs: number, respond: Respond<number>): void {
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
        pending.respond({ error: lateError(pending) })
      } else if (!pending.attempted) this.#attempt(pending)
    }
    this.#armRetry()
  }

  /** Nobody will answer any more. */
  close(): void {
    const open = [...this.#pending]
    this.#pending.clear()
    for (const pending of open) {
      const code = isDoubtful(pending) ? 'QUORATE_UNKNOWN_OUTCOME' : 'QUORATE_SHUTTING_DOWN'
      pending.respond({ error: new QuorateError(code, 'metadata group') })
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
    if (pending.kind === 'propose') {
      if (this.#attempts >= attemptsMax) return
      this.#attempts += 1
      pending.attempted = true
      const settle = (outcome: Outcome<ProposalResult>) => this.#settleProposal(pending, outcome)
      if (leader === node) proposeHere(pending.request, settle)
      else forwarder.propose(leader, pending.request, this.#inTurn(settle))
    } else {
      pending.attempted = true
      const settle = (outcome: Outcome<number>) => this.#confirmRead(pending, outcome)
      if (leader === node) readHere(settle)
      else forwarder.read(leader, this.#inTurn(settle))
    }
  }

  #inTurn<Value>(settle: Respond<Value>): Respond<Value> {
    return (outcome) => this.#around.inTurn(() => settle(outcome))
  }

  #settleProposal(pending: PendingProposal, outcome: Outcome<ProposalResult>): void {
    this.#attempts -= 1
    pending.attempted = false
    if ('error' in outcome) {
      const { error } = outcome
      pending.doubtful ||= error.outcome === 'unknown'
      if (error.retriable) return
      if (!this.#pending.delete(pending)) return
      pending.respond({ error: pending.doubtful ? doubted(error) : error })
    } else if (this.#pending.delete(pending)) pending.respond(outcome)
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

function isDoubtful(pending: PendingProposal | PendingRead): boolean {
  return pending.kind === 'propose' && (pending.attempted || pending.doubtful)
}

/** A request that never got to a leader is certainly not applied. */
function lateError(pending: PendingProposal | PendingRead): QuorateError {
  const code =
    pending.kind === 'propose' && !isDoubtful(pending) ? 'QUORATE_NO_LEADER' : 'QUORATE_TIMEOUT'
  return new QuorateError(code, 'metadata group')
}

function doubted(error: QuorateError): QuorateError {
  return new QuorateError(error.code, error.detail, { outcome: 'unknown' })
}
