// What an actor is and what it may do. An actor is a synchronous `receive` over a typed, bounded
// mailbox; it owns its state and shares nothing. Rules of order, overflow, restart and stop:
// SEMANTICS.md.
import type { Clock, Random } from './host.ts'

/** Address of an actor, on this node or another one. Sending never blocks and never throws. */
export interface ActorRef<in Message> {
  /** Unique in its system, e.g. `node/partition/12-0`. */
  readonly path: string
  /** Node that hosts the actor; absent for an actor of this system. */
  readonly node?: string
  /**
   * Puts the message into the mailbox. False when the mailbox is full or the actor has stopped:
   * the sender decides what that means, nothing is thrown. Between two actors order is kept.
   */
  send(message: Message): boolean
  /**
   * As `send`, for an answer the receiver itself asked for (completion of its own IO, a reply, a
   * timer). It is accepted even when the mailbox is full: the asker bounds how many are out.
   */
  reply(message: Message): boolean
}

export interface Actor<Message> {
  receive(message: Message, context: ActorContext<Message>): void
  /** Called before the first message of this incarnation. */
  started?(context: ActorContext<Message>): void
  /** Called once when this incarnation ends (stop or restart). Timers and asks are already dead. */
  stopped?(): void
}

export interface SupervisionOptions {
  /** What happens when `receive` throws. Default `'restart'`. */
  readonly onFailure?: 'restart' | 'stop' | 'escalate'
  /** First pause before a restart, doubled each time up to `restartDelayMaxMs`. Default 100. */
  readonly restartDelayMs?: number
  /** Default 10_000. */
  readonly restartDelayMaxMs?: number
}

export interface SpawnOptions extends SupervisionOptions {
  /** Messages the mailbox holds before `send` answers false. Default 10_000, range 1 to 1_000_000. */
  readonly capacity?: number
}

export interface ActorContext<Message> {
  readonly self: ActorRef<Message>
  /** Rises with each restart: completions of an older incarnation can be told apart. */
  readonly incarnation: number
  readonly clock: Clock
  readonly random: Random
  /** Starts a child; `create` is called again for each restart. Children stop with their parent. */
  spawn<Child>(name: string, create: () => Actor<Child>, options?: SpawnOptions): ActorRef<Child>
  /** Stops this actor, or a child, after the current message. */
  stop(child?: ActorRef<never>): void
  /** One timer per name; setting it again replaces it. Fires as `message` to self. */
  setTimer(name: string, delayMs: number, message: Message): void
  cancelTimer(name: string): void
  /**
   * Sends `build(replyTo)` to `ref`; `settle` turns the reply, or `'deadline-exceeded'`, into
   * a message to self. Exactly one of the two arrives, unless this incarnation ends first.
   * `deadlineMs` counts from now; a request that `ref` refuses ends at the deadline too.
   */
  ask<Request, Reply>(
    ref: ActorRef<Request>,
    build: (replyTo: ActorRef<Reply>) => Request,
    deadlineMs: number,
    settle: (outcome: { reply: Reply } | 'deadline-exceeded') => Message,
  ): void
  /** Emits an inspection record of kind `state`. */
  inspect(change: string, detail?: Readonly<Record<string, unknown>>): void
}
