// This node's replica of the metadata group, and the way to it: requests and linearizable reads are
// proposed here when this replica leads, else forwarded to the leader's node, and retried until
// their deadline (a request id makes a retry harmless). It holds no rules: machine.ts decides what
// a command does, placement.ts where replicas go. Previous stop: handlers/; next: raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import { Checkpointer } from '../replication/checkpointer.ts'
import {
  type HostCompletion,
  RaftHost,
  type RaftHostOptions,
  type RaftHostOwner,
} from '../replication/raft-host.ts'
import { EntryType, groupKey, type LogEntry, metadataGroup } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import { encodeCommand } from './commands.ts'
import { MetadataMachine } from './machine.ts'
import type { MetadataMessage, Outcome, ProposalResult } from './metadata-message.ts'
import { commandFor, type MetadataRequest } from './metadata-request.ts'
import { type MetadataForwarder, MetadataRequests } from './metadata-requests.ts'

export interface MetadataEvents {
  /** The machine moved; called after each run of applied entries and once after recovery. */
  applied(machine: MetadataMachine, index: number): void
  leaderChanged(node: string | undefined, term: number, leadsHere: boolean): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** The metadata replica cannot go on; the node must stop. */
  halted(reason: string): void
}

export interface MetadataActorOptions
  extends Omit<RaftHostOptions, 'recovered' | 'clock' | 'draw' | 'session'> {
  readonly session: number
  readonly initial: () => MetadataMachine
  readonly forwarder: MetadataForwarder
  readonly events: MetadataEvents
  readonly node: string
}

const key = groupKey(metadataGroup)

export class MetadataActor implements Actor<MetadataMessage>, RaftHostOwner {
  readonly #options: MetadataActorOptions
  #context!: ActorContext<MetadataMessage>
  #host: RaftHost | undefined
  #machine!: MetadataMachine
  #checkpointer!: Checkpointer
  #leading = false
  /** True once an entry of this leader's own term has been applied. */
  #ready = false
  #readIds = 0
  readonly #requests: MetadataRequests
  /** Proposals in this replica's log, by index. */
  readonly #proposed = new Map<number, (outcome: Outcome<ProposalResult>) => void>()
  readonly #reads = new Map<number, (outcome: Outcome<number>) => void>()
  /** Requests at this leader that wait for the one in the log. */
  #queue: {
    readonly request: MetadataRequest
    readonly respond: (outcome: Outcome<ProposalResult>) => void
  }[] = []

  constructor(options: MetadataActorOptions) {
    this.#options = options
    this.#requests = new MetadataRequests({
      node: options.node,
      forwarder: options.forwarder,
      leaderNode: () => this.#host?.leaderNode,
      applied: () => this.#host?.applied ?? 0,
      nowMs: () => this.#context.clock.monotonicMs(),
      retryLater: (delayMs) => this.#context.setTimer('retry', delayMs, { type: 'retry' }),
      inTurn: (run) => this.#context.self.reply({ type: 'forwarded', run }),
      proposeHere: (request, respond) => this.#proposeHere(request, respond),
      readHere: (respond) => this.#readHere(respond),
    })
  }

  started(context: ActorContext<MetadataMessage>): void {
    this.#context = context
    const { incarnation } = context
    this.#options.storage.recover(key, (error, recovered) => {
      context.self.reply({
        type: 'recovered',
        incarnation,
        begin: () => {
          if (error !== undefined || recovered === undefined) {
            this.halted(error?.message ?? 'the metadata replica has no files')
          } else this.#begin(recovered)
        },
      })
    })
  }

  stopped(): void {
    this.#abandon(new QuorateError('QUORATE_SHUTTING_DOWN'))
    this.#requests.close()
  }

  receive(message: MetadataMessage, context: ActorContext<MetadataMessage>): void {
    this.#context = context
    switch (message.type) {
      case 'recovered':
        if (message.incarnation === context.incarnation) message.begin()
        return
      case 'propose':
        this.#requests.propose(message.request, message.deadlineMs, message.respond)
        return
      case 'read':
        this.#requests.read(message.deadlineMs, message.respond)
        return
      case 'peer-propose':
        this.#proposeHere(message.request, message.respond)
        return
      case 'peer-read':
        this.#readHere(message.respond)
        return
      case 'forwarded':
        message.run()
        return
      case 'retry':
        this.#requests.retryDue()
        return
      default:
        this.#replicate(message)
    }
  }

  #replicate(
    message: Extract<
      MetadataMessage,
      {
        type:
          | 'raft'
          | 'completion'
          | 'tick'
          | 'tick-due'
          | 'connection-lost'
          | 'transfer'
          | 'checkpoint'
          | 'checkpoint-saved'
      }
    >,
  ): void {
    const host = this.#host
    if (message.type === 'checkpoint-saved') {
      this.#checkpointer.written()
      if (message.error !== undefined) {
        this.#event('checkpoint.failed', { index: message.index, reason: message.error.message })
      }
      return
    }
    if (host === undefined) {
      if (message.type === 'checkpoint') message.respond()
      return
    }
    switch (message.type) {
      case 'raft':
        host.receive(message.from, message.message)
        return
      case 'completion':
        if (message.incarnation !== this.#context.incarnation) return
        host.complete(message.completion)
        this.#checkpointer.write(host.stored)
        return
      case 'tick':
        // After a pause of the process answers wait beside the timer: they are heard first.
        this.#context.self.reply({ type: 'tick-due' })
        return
      case 'tick-due':
        host.tick()
        return
      case 'connection-lost':
        host.connectionLost(message.node)
        return
      case 'transfer':
        host.step({ type: 'transfer', to: message.to })
        return
      case 'checkpoint':
        this.#takeCheckpoint(host)
        this.#checkpointer.whenIdle(message.respond)
        return
    }
  }

  #begin(recovered: RecoveredGroup): void {
    const { clock, random, incarnation, self } = this.#context
    const { checkpoint } = recovered
    this.#machine =
      checkpoint === undefined ? this.#options.initial() : MetadataMachine.restore(checkpoint.state)
    this.#checkpointer = new Checkpointer(
      key,
      this.#options.storage,
      checkpoint?.index ?? 0,
      (index, error) =>
        self.reply({
          type: 'checkpoint-saved',
          index,
          ...(error === undefined ? {} : { error }),
        }),
    )
    this.#host = new RaftHost(
      {
        ...this.#options,
        recovered,
        session: this.#options.session + incarnation,
        clock,
        draw: (purpose, bound) => random.integer(`${key}/${purpose}`, bound),
      },
      this,
    )
    this.#options.events.applied(this.#machine, this.#host.applied)
    this.#host.start()
  }

  // ── RaftHostOwner ──────────────────────────────────────────────────────────────────────────

  apply(entries: readonly LogEntry[]): void {
    const host = this.#host!
    let changed = false
    for (const entry of entries) {
      const result = this.#machine.apply(entry)
      if (entry.type === EntryType.metadata) changed = true
      const respond = this.#proposed.get(entry.index)
      this.#proposed.delete(entry.index)
      // An index this leader proposed at can only be applied with its own entry: it still leads.
      if (respond !== undefined) {
        if (result.reply === undefined) throw new Error(`entry ${entry.index} has no reply`)
        respond({ value: { index: entry.index, reply: result.reply } })
      }
    }
    if (this.#leading && entries.at(-1)!.term === host.term) this.#ready = true
    this.#options.events.applied(this.#machine, host.applied)
    if (changed) this.#takeCheckpoint(host)
    if (this.#ready) this.#proposeNext(host)
    this.#requests.retry()
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    const leads = role === 'leader'
    if (this.#leading && !leads) {
      this.#ready = false
      this.#abandon(new QuorateError('QUORATE_UNKNOWN_OUTCOME'))
    }
    this.#leading = leads
    if (leads) this.#event('raft.leader_elected', { term })
    this.#options.events.leaderChanged(this.#options.nodes.get(leader), term, leads)
    this.#requests.retry()
  }

  readReady(readId: number, index: number): void {
    const respond = this.#reads.get(readId)
    this.#reads.delete(readId)
    respond?.({ value: index })
  }

  readRefused(readId: number): void {
    const respond = this.#reads.get(readId)
    this.#reads.delete(readId)
    respond?.({ error: new QuorateError('QUORATE_NOT_LEADER') })
  }

  halted(reason: string): void {
    this.#event('metadata.halted', { reason })
    this.#options.events.halted(reason)
  }

  completeLater(completion: HostCompletion): void {
    const { self, incarnation } = this.#context
    self.reply({ type: 'completion', incarnation, completion })
  }

  wakeAt(monotonicMs: number): void {
    const delayMs = Math.max(0, monotonicMs - this.#context.clock.monotonicMs())
    this.#context.setTimer('tick', delayMs, { type: 'tick' })
  }

  damagedMessage(from: ReplicaId, reason: string): void {
    this.#event('replication.damaged_message', { from, reason })
  }

  // ── as leader ──────────────────────────────────────────────────────────────────────────────

  #proposeHere(
    request: MetadataRequest,
    respond: (outcome: Outcome<ProposalResult>) => void,
  ): void {
    const host = this.#host
    if (host === undefined || !this.#leading || !this.#ready) {
      respond({ error: new QuorateError('QUORATE_NOT_LEADER', 'metadata group') })
      return
    }
    if (this.#queue.length >= limits.metadataRequestsMax) {
      respond({ error: new QuorateError('QUORATE_OVERLOADED', 'metadata group') })
      return
    }
    this.#queue.push({ request, respond })
    this.#proposeNext(host)
  }

  /**
   * One command at a time is in the log unapplied: placement and ids of the next are computed from
   * a state that holds the one before.
   */
  #proposeNext(host: RaftHost): void {
    while (this.#proposed.size === 0) {
      const next = this.#queue.shift()
      if (next === undefined) return
      let payload: Uint8Array
      try {
        payload = encodeCommand(commandFor(next.request, this.#machine))
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error
        next.respond({ error })
        continue
      }
      const run = host.draft()
      const entry = run.add({
        type: EntryType.metadata,
        payload: { pieces: [payload], byteLength: payload.byteLength },
      })
      this.#proposed.set(entry.index, next.respond)
      host.propose(run)
    }
  }

  #readHere(respond: (outcome: Outcome<number>) => void): void {
    if (this.#host === undefined || !this.#leading || !this.#ready) {
      respond({ error: new QuorateError('QUORATE_NOT_LEADER', 'metadata group') })
      return
    }
    this.#readIds += 1
    this.#reads.set(this.#readIds, respond)
    this.#host.step({ type: 'read', readId: this.#readIds })
  }

  #abandon(error: QuorateError): void {
    const open = [...this.#proposed.values(), ...this.#reads.values()]
    this.#proposed.clear()
    this.#reads.clear()
    for (const respond of open) respond({ error })
    const queued = this.#queue
    this.#queue = []
    for (const { respond } of queued) {
      respond({ error: new QuorateError('QUORATE_NOT_LEADER', 'metadata group') })
    }
  }

  #takeCheckpoint(host: RaftHost): void {
    const point = host.log.pointAt(host.applied)
    if (point !== undefined && host.applied > this.#checkpointer.lastIndex) {
      const { index, term, chain } = point
      this.#checkpointer.take({ index, term, chain, state: this.#machine.snapshot() })
    }
    this.#checkpointer.write(host.stored)
  }

  #event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: key, ...fields })
  }
}
