// This node's replica of the metadata group, and the way to it: requests and linearizable reads are
// proposed here when this replica leads, else forwarded to the leader's node, and retried until
// their deadline (a request id makes a retry harmless). It holds no rules: machine.ts decides what
// a command does, placement.ts where replicas go. Previous stop: handlers/; next: raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import { encodeLogStart } from '../partition/log-start.ts'
import { ReplicaMaintenance } from '../partition/replica-maintenance.ts'
import type { ApplyHistory } from '../replication/apply-history.ts'
import { RaftHost } from '../replication/raft-host.ts'
import {
  type HostCompletion,
  type RaftHostOptions,
  type RaftHostOwner,
  replicaSession,
} from '../replication/raft-owner.ts'
import { EntryType, groupKey, type LogEntry, metadataGroup } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import { MetadataMachine } from './machine.ts'
import { MetadataLeader } from './metadata-leader.ts'
import type { MetadataMessage, ReplicaMessage } from './metadata-message.ts'
import { type MetadataForwarder, MetadataRequests } from './metadata-requests.ts'

export interface MetadataEvents {
  /**
   * The machine moved: called once after recovery and then after each run of applied entries.
   * `topicsChanged`: topics were created or deleted, or may have been.
   */
  applied(machine: MetadataMachine, topicsChanged: boolean): void
  leaderChanged(node: string | undefined, term: number): void
  retentionHeld(reason: string | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** The metadata replica cannot go on; the node must stop. */
  halted(reason: string): void
}

export interface MetadataActorOptions
  extends Omit<RaftHostOptions, 'recovered' | 'clock' | 'draw' | 'session'> {
  readonly node: string
  /** Boot session of the process. */
  readonly session: number
  readonly initial: () => MetadataMachine
  readonly forwarder: MetadataForwarder
  readonly events: MetadataEvents
  /** Survives restarts of the actor. */
  readonly history: ApplyHistory
  /** New replicas are placed on nodes that are up, if there are enough. */
  isUp(node: string): boolean
}

const key = groupKey(metadataGroup)
const checkpointEntries = 1000
/** Nobody reads old commands: what follows the last checkpoints is enough. */
const retention = { retentionMs: -1, retentionBytes: limits.metadataSegmentBytes }

export class MetadataActor implements Actor<MetadataMessage>, RaftHostOwner {
  readonly #options: MetadataActorOptions
  readonly #requests: MetadataRequests
  #context!: ActorContext<MetadataMessage>
  /** Present together with `#machine` and `#maintenance`, once the log was read back. */
  #host: RaftHost | undefined
  #machine: MetadataMachine | undefined
  #maintenance: ReplicaMaintenance | undefined
  #leader: MetadataLeader | undefined
  #lookAgainAsked = false

  constructor(options: MetadataActorOptions) {
    this.#options = options
    this.#requests = new MetadataRequests({
      node: options.node,
      forwarder: options.forwarder,
      leaderNode: () => this.#host?.leaderNode,
      applied: () => this.#machine?.applied.index ?? 0,
      nowMs: () => this.#context.clock.monotonicMs(),
      retryLater: (delayMs) => this.#context.setTimer('retry', delayMs, { type: 'retry' }),
      inTurn: (run) => this.#context.self.reply({ type: 'forwarded', run }),
      proposeHere: (request, respond) => {
        if (this.#leader === undefined) respond({ error: notLeader() })
        else this.#leader.propose(request, respond)
      },
      readHere: (respond) => {
        if (this.#leader === undefined) respond({ error: notLeader() })
        else this.#leader.read(respond)
      },
    })
  }

  started(context: ActorContext<MetadataMessage>): void {
    this.#context = context
    const reason = this.#options.history.haltReason()
    if (reason !== undefined) {
      this.halted(reason)
      return
    }
    const { self, incarnation } = context
    this.#options.storage.recover(key, (error, recovered) => {
      self.reply({ type: 'recovered', incarnation, error, recovered })
    })
  }

  stopped(): void {
    this.#leader?.close()
    this.#requests.close()
  }

  receive(message: MetadataMessage): void {
    switch (message.type) {
      case 'recovered':
        if (message.incarnation !== this.#context.incarnation) return
        if (message.recovered !== undefined) this.#begin(message.recovered)
        else this.halted(message.error?.message ?? 'the metadata replica has no files')
        return
      case 'propose':
        this.#requests.propose(message.request, message.deadlineMs, message.respond)
        return
      case 'read':
        this.#requests.read(message.deadlineMs, message.respond)
        return
      case 'peer-propose':
        if (this.#leader === undefined) message.respond({ error: notLeader() })
        else this.#leader.propose(message.request, message.respond)
        return
      case 'peer-read':
        if (this.#leader === undefined) message.respond({ error: notLeader() })
        else this.#leader.read(message.respond)
        return
      case 'forwarded':
        message.run()
        return
      case 'retry':
        this.#requests.retryDue()
        return
      case 'look-again':
        this.#lookAgainAsked = false
        this.#requests.retry()
        return
      default:
        if (this.#host !== undefined) this.#replicate(message, this.#host)
        else if (message.type === 'checkpoint') message.respond()
    }
  }

  #replicate(message: ReplicaMessage, host: RaftHost): void {
    switch (message.type) {
      case 'raft':
        host.receive(message.from, message.message)
        return
      case 'completion':
        if (message.incarnation !== this.#context.incarnation) return
        host.complete(message.completion)
        this.#maintenance!.stored()
        return
      case 'checkpoint-saved':
        if (message.incarnation !== this.#context.incarnation) return
        this.#maintenance!.checkpointSaved(message.index, message.error)
        return
      case 'tick':
        // After a pause of the process answers wait beside the timer: they are heard first.
        this.#context.self.reply({ type: 'tick-due' })
        return
      case 'tick-due':
        host.tick()
        return
      case 'propose-next':
        this.#leader?.proposeNext()
        return
      case 'maintain':
        this.#maintain()
        return
      case 'connection-lost':
        host.connectionLost(message.node)
        return
      case 'transfer':
        host.step({ type: 'transfer', to: message.to })
        return
      case 'checkpoint':
        this.#maintenance!.checkpointNow(message.respond)
        return
    }
  }

  #begin(recovered: RecoveredGroup): void {
    const { clock, random, incarnation, self } = this.#context
    const { initial, session, storage, nodes, timing, events } = this.#options
    const { checkpoint } = recovered
    let machine: MetadataMachine
    let host: RaftHost
    try {
      machine = checkpoint === undefined ? initial() : MetadataMachine.restore(checkpoint.state)
      host = new RaftHost(
        {
          ...this.#options,
          recovered,
          session: replicaSession(session, incarnation),
          clock,
          draw: (purpose, bound) => random.integer(`${key}/${purpose}`, bound),
        },
        this,
      )
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      this.halted(error.message)
      return
    }
    this.#machine = machine
    this.#host = host
    this.#maintenance = new ReplicaMaintenance({
      key,
      storage,
      rule: retention,
      nodes,
      preferred: undefined,
      silenceMs: timing.electionTimeoutMinMs,
      checkpointEntries,
      host,
      machine,
      checkpointIndex: checkpoint?.index ?? 0,
      saved: (index, error) => self.reply({ type: 'checkpoint-saved', incarnation, index, error }),
      event: (name, fields) => this.#event(name, fields),
      retentionHeld: (reason) => events.retentionHeld(reason),
    })
    events.applied(machine, true)
    this.#maintenance.dropRetired()
    host.start()
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
  }

  #maintain(): void {
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    this.#maintenance!.look()
    const host = this.#host!
    if (this.#leader?.ready !== true) return
    this.#maintenance!.lead({
      monotonicMs: this.#context.clock.monotonicMs(),
      wallMs: undefined,
      sinceLeaderMs: 0,
      proposeLogStart: (logStart) => {
        const run = host.draft()
        run.add(EntryType.logStart, encodeLogStart(logStart))
        host.propose(run)
      },
      transfer: () => {},
    })
  }

  // ── RaftHostOwner ──────────────────────────────────────────────────────────────────────────

  apply(entries: readonly LogEntry[]): void {
    const { history, events } = this.#options
    const machine = this.#machine!
    let topicsChanged = false
    for (const entry of entries) {
      history.applying(entry.index)
      try {
        const result = machine.apply(entry)
        const kind = result.change?.kind
        topicsChanged ||= kind === 'topic-created' || kind === 'topic-deleted'
        this.#maintenance!.applied(result)
        this.#leader?.applied(entry, result)
      } catch (error) {
        if (!(error instanceof MachineDisagreement)) throw error
        this.#host!.halt(error.message)
        return
      }
    }
    history.applied()
    this.#maintenance!.runApplied()
    events.applied(machine, topicsChanged)
    this.#leader?.runApplied()
    this.#lookAgain()
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    if (role === 'leader') {
      this.#event('raft.leader-elected', { term })
      const { self } = this.#context
      this.#leader = new MetadataLeader({
        host: this.#host!,
        machine: this.#machine!,
        isUp: (node) => this.#options.isUp(node),
        proposeSoon: () => self.reply({ type: 'propose-next' }),
      })
    } else {
      this.#maintenance?.release()
      const closing = this.#leader
      this.#leader = undefined
      closing?.close()
    }
    this.#options.events.leaderChanged(this.#options.nodes.get(leader), term)
    this.#lookAgain()
  }

  readReady(readId: number, index: number): void {
    this.#leader?.readReady(readId, index)
  }

  readRefused(readId: number): void {
    this.#leader?.readRefused(readId)
  }

  halted(reason: string): void {
    this.#leader?.close()
    this.#leader = undefined
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
    this.#event('replication.damaged-message', { from, reason })
  }

  /** In a message of its own: what is tried again may go straight into the log. */
  #lookAgain(): void {
    if (this.#lookAgainAsked || this.#requests.waiting === 0) return
    this.#lookAgainAsked = true
    this.#context.self.reply({ type: 'look-again' })
  }

  #event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: key, ...fields })
  }
}

function notLeader(): QuorateError {
  return new QuorateError('QUORATE_NOT_LEADER', 'metadata group')
}
