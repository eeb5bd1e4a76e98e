// This node's replica of the metadata group, and the way to it: requests and linearizable reads are
// proposed here when this replica leads, else forwarded to the leader's node, and retried until
// their deadline (a request id makes a retry harmless). It holds no rules: machine.ts decides what
// a command does, placement.ts where replicas go. Previous stop: handlers/; next: raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import { encodeLogStart } from '../partition/log-start.ts'
import type { ReplicaMaintenance } from '../partition/replica-maintenance.ts'
import { ReplicaShell, type ShellOptions, type ShellOwner } from '../replication/replica-shell.ts'
import { EntryType, type LogEntry, metadataGroup, metadataKey } from '../storage/log-entry.ts'
import { MetadataMachine, type MetadataResult } from './machine.ts'
import { MetadataLeader } from './metadata-leader.ts'
import type { MetadataMessage } from './metadata-message.ts'
import { MetadataReplacement } from './metadata-replacement.ts'
import { type MetadataForwarder, MetadataRequests } from './metadata-requests.ts'
import type { DesiredConfiguration, ReplicasNow } from './places.ts'

export interface MetadataEvents {
  /**
   * The machine moved: called once after recovery and then after each run of applied entries.
   * `topicsChanged`: topics, places or nodes are not what they were, or may not be.
   */
  applied(machine: MetadataMachine, topicsChanged: boolean): void
  leaderChanged(node: string | undefined, term: number): void
  retentionHeld(reason: string | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  /** The metadata replica cannot go on; the node must stop. */
  halted(reason: string): void
}

export interface MetadataActorOptions extends ShellOptions {
  readonly node: string
  readonly initial: () => MetadataMachine
  readonly forwarder: MetadataForwarder
  readonly events: MetadataEvents
  /** Replica id of one that may never run again and is to be replaced; undefined: none. */
  lost(): number | undefined
  /** Another one is there in its place. */
  replaced(): void
  /** Other nodes of the cluster, as far as this one knows. */
  peers(): readonly string[]
  /** New replicas are placed on nodes that are up, if there are enough. */
  isUp(node: string): boolean
}

/** Nobody reads old commands: what follows the last checkpoints is enough. */
const retention = { retentionMs: -1, retentionBytes: limits.metadataSegmentBytes }

export class MetadataActor implements Actor<MetadataMessage>, ShellOwner<MetadataMachine> {
  readonly rule = retention
  readonly checkpointEntries = 1000
  readonly #options: MetadataActorOptions
  readonly #requests: MetadataRequests
  #context!: ActorContext<MetadataMessage>
  #shell!: ReplicaShell<MetadataMachine>
  #leader: MetadataLeader | undefined
  /** While this node's replica is to be replaced. */
  #replacement: MetadataReplacement | undefined
  #lookAgainAsked = false
  /** In the run of entries that is being applied. */
  #topicsChanged = false

  constructor(options: MetadataActorOptions) {
    this.#options = options
    this.#requests = new MetadataRequests({
      node: options.node,
      forwarder: options.forwarder,
      leaderNode: () => this.#shell.host?.leaderNode,
      applied: () => this.#shell.machine?.applied.index ?? 0,
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
    this.#shell = new ReplicaShell(metadataKey, this.#options, this, context)
    const lost = this.#options.lost()
    if (lost === undefined) this.#shell.recover()
    else this.#replace(lost)
  }

  #replace(replicaId: number): void {
    const { self } = this.#context
    const inTurn = (run: () => void) => self.reply({ type: 'forwarded', run })
    this.event('replica.amnesiac', { replica: replicaId })
    this.#replacement = new MetadataReplacement({
      ...this.#options,
      replicaId,
      replaced: () => {
        inTurn(() => {
          this.#options.replaced()
          this.#replacement = undefined
          this.#shell.recover()
        })
      },
      failed: ({ message }) => {
        inTurn(() => {
          this.#context.inspect('replacement', { message })
          this.#context.setTimer('replace', limits.registerRetryMs, { type: 'replace-lost' })
        })
      },
    })
    this.#replacement.ask()
  }

  stopped(): void {
    this.#leader?.close()
    this.#requests.close()
  }

  receive(message: MetadataMessage): void {
    switch (message.type) {
      case 'recovered':
        this.#shell.recovered(message)
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
      case 'health':
        message.respond(this.#shell.health())
        return
      case 'replace-lost':
        this.#replacement?.ask()
        return
      case 'propose-next':
        this.#leader?.proposeNext()
        return
      case 'transfer':
        this.transfer(message.to)
        return
      default:
        this.#shell.receive(message)
    }
  }

  // ── ShellOwner ─────────────────────────────────────────────────────────────────────────────

  machineOf(checkpoint: Uint8Array | undefined): MetadataMachine {
    return checkpoint === undefined ? this.#options.initial() : MetadataMachine.restore(checkpoint)
  }

  restored(machine: MetadataMachine): void {
    this.#options.events.applied(machine, true)
    this.#lookAgain()
  }

  begun(): void {}

  /** Configuration entries are in nobody's way here. */
  proposed(): void {}

  preferred(): undefined {}

  get leading(): boolean {
    return this.#leader?.ready === true
  }

  desired(): DesiredConfiguration | undefined {
    return this.#shell.machine?.desiredOf(metadataGroup)
  }

  transfer(to: ReplicaId): void {
    this.#shell.host?.step({ type: 'transfer', to })
  }

  changed(now: ReplicasNow, done: () => void): void {
    this.#leader?.replicasChanged(now, done)
  }

  applyEntry(machine: MetadataMachine, entry: LogEntry): MetadataResult {
    const result = machine.apply(entry)
    const kind = result.change?.kind
    this.#topicsChanged ||= kind !== undefined && kind !== 'node-changed'
    this.#leader?.applied(entry, result)
    return result
  }

  applied(): void {
    const topicsChanged = this.#topicsChanged
    this.#topicsChanged = false
    this.#options.events.applied(this.#shell.machine!, topicsChanged)
    this.#leader?.runApplied()
    if (topicsChanged && this.#leader !== undefined) this.#context.self.reply({ type: 'members' })
    this.#lookAgain()
  }

  maintained(maintenance: ReplicaMaintenance): void {
    const host = this.#shell.host!
    if (this.#leader?.ready !== true) return
    this.#leader.plan()
    maintenance.lead({
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

  retentionHeld(reason: string | undefined): void {
    this.#options.events.retentionHeld(reason)
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    if (role === 'leader') {
      this.event('raft.leader-elected', { term })
      const { self } = this.#context
      this.#leader = new MetadataLeader({
        host: this.#shell.host!,
        machine: this.#shell.machine!,
        probe: this.#options.probe,
        isUp: (node) => this.#options.isUp(node),
        proposeSoon: () => self.reply({ type: 'propose-next' }),
      })
    } else {
      const closing = this.#leader
      this.#leader = undefined
      closing?.close()
    }
    this.#options.events.leaderChanged(this.#options.nodes.nodeOf(leader), term)
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
    this.event('metadata.halted', { reason })
    this.#options.events.halted(reason)
  }

  /** In a message of its own: what is tried again may go straight into the log. */
  #lookAgain(): void {
    if (this.#lookAgainAsked || this.#requests.waiting === 0) return
    this.#lookAgainAsked = true
    this.#context.self.reply({ type: 'look-again' })
  }

  event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: metadataKey, ...fields })
  }
}

function notLeader(): QuorateError {
  return new QuorateError('QUORATE_NOT_LEADER', 'metadata group')
}
