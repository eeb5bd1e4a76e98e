// The public face of the runtime: one system per node or client, holding a tree of actors over one
// host. Rules of order, overflow, restart and stop, each with its test: SEMANTICS.md.
import type { Actor, ActorRef, SpawnOptions } from './actor.ts'
import type { Clock, Random } from './host.ts'
import { Kernel, type KernelOptions } from './kernel.ts'
import { LocalRef, PathRef } from './ref.ts'
import {
  type MessageCodec,
  type RemoteEnvelope,
  RemoteGate,
  type RemoteMessage,
  RemoteRef,
  type RemoteTransport,
} from './remote.ts'

/**
 * `name` is the node's id in a broker. `turnMessages` (default 4096, 1 to 1,000,000) and
 * `turnMs` (default 10, 1 to 1,000) bound a turn, after which input and output get the loop; the
 * time is looked at every 64 messages. `inspect` sees every record; without it
 * none is built. `escalated` is told when a failure leaves the top of the tree, after all actors
 * have stopped; without it the failure is thrown out of the turn.
 */
export interface ActorSystemOptions extends KernelOptions {}

export interface SystemStatistics {
  readonly actors: number
  /** Messages taken out of mailboxes. */
  readonly delivered: number
  /** Messages a full mailbox refused. */
  readonly refused: number
  readonly failures: number
  readonly restarts: number
  readonly timers: number
}

export class ActorSystem {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  private readonly kernel: Kernel
  private readonly gate = new RemoteGate()

  constructor(options: ActorSystemOptions) {
    this.kernel = new Kernel(options)
    this.name = options.name
    this.clock = options.host
    this.random = options.random
  }

  /** Starts a top-level actor: `create` and `started` run in its first slot. */
  spawn<Message>(
    name: string,
    create: () => Actor<Message>,
    options: SpawnOptions = {},
  ): ActorRef<Message> {
    return this.kernel.spawn(name, create, options, undefined).ref
  }

  /** The actor or open ask at a path. What it receives is the caller's claim. */
  find<Message>(path: string): ActorRef<Message> | undefined {
    return this.kernel.cell(path)?.ref ?? this.kernel.asks.get(path)
  }

  /** Stops one actor, or all of them for good. Takes effect after the current message. */
  stop(ref?: ActorRef<never>): void {
    if (ref === undefined) {
      this.kernel.close()
      return
    }
    const cell = LocalRef.cellOf(ref)
    if (cell === undefined) throw new Error(`${ref.path} is not an actor of this system`)
    this.kernel.stop(cell)
  }

  /** No message waits and nothing runs. Timers may be armed. */
  get idle(): boolean {
    return this.kernel.scheduler.idle
  }

  get statistics(): SystemStatistics {
    const { actors, delivered, refused, failures, restarts, timers } = this.kernel
    return { actors, delivered, refused, failures, restarts, timers: timers.size }
  }

  registerTransport(transport: RemoteTransport): void {
    this.gate.registerTransport(transport)
  }

  registerCodec<Message extends RemoteMessage>(codec: MessageCodec<Message>): void {
    this.gate.registerCodec(codec)
  }

  /** A ref to an actor of any node, this one included. `send` throws for a type without codec. */
  remote<Message extends RemoteMessage>(node: string, path: string): ActorRef<Message> {
    if (node === this.name) return new PathRef(path, (wanted) => this.find(wanted))
    return new RemoteRef<Message>(this.gate, node, path)
  }

  /** For the transport: puts a message from another node into its mailbox. Never throws. */
  deliver(envelope: RemoteEnvelope): boolean {
    const codec = this.gate.codec(envelope.type)
    if (codec === undefined) return this.undeliverable(envelope, 'unknown-type')
    const ref = this.find<RemoteMessage>(envelope.path)
    if (ref === undefined) return this.undeliverable(envelope, 'unknown-actor')
    let message: RemoteMessage
    try {
      message = codec.decode(envelope.body)
    } catch (error) {
      return this.undeliverable(envelope, 'malformed', error)
    }
    return envelope.reply ? ref.reply(message) : ref.send(message)
  }

  private undeliverable(
    envelope: RemoteEnvelope,
    reason: 'unknown-actor' | 'unknown-type' | 'malformed',
    error?: unknown,
  ): false {
    const { path, type } = envelope
    const origin = { system: this.name, path, incarnation: 0, atMs: this.clock.monotonicMs() }
    this.kernel.inspect?.({ kind: 'undeliverable', ...origin, reason, type, error })
    return false
  }
}
