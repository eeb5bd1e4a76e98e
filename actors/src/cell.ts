// An actor's place in the system through all its incarnations: mailbox, state, supervision. It
// decides what a failure leads to and when messages reach `receive`; it knows nothing of other
// actors but its parent and children. Previous stop of a message: ref.ts; next: the actor itself.
import type { Actor } from './actor.ts'
import { Deferred, nothing } from './deferred.ts'
import { Incarnation } from './incarnation.ts'
import type { Kernel } from './kernel.ts'
import type { ActorSettings } from './limits.ts'
import { Mailbox } from './mailbox.ts'
import { LocalRef } from './ref.ts'
import type { Runnable } from './scheduler.ts'
import { Backoff } from './supervision.ts'
import { Timer } from './timers.ts'

/**
 * starting: `create` comes in the next slot. running: messages are received. waiting: failed, the
 * restart timer is armed. stopping: refuses everything; ends after the current message. stopped.
 */
type CellState = 'starting' | 'running' | 'waiting' | 'stopping' | 'stopped'

class RestartTimer extends Timer {
  private readonly cell: Cell

  constructor(cell: Cell) {
    super()
    this.cell = cell
  }

  override fire(): void {
    this.cell.restart()
  }
}

export class Cell implements Runnable {
  readonly path: string
  readonly ref: LocalRef
  readonly parent: Cell | undefined
  nextReady: Runnable | undefined = undefined
  queued = false
  /** The incarnation that lives or lived last; absent before the first. */
  life: Incarnation | undefined
  private readonly kernel: Kernel
  private readonly create: () => Actor<unknown>
  private readonly settings: ActorSettings
  private readonly mailbox: Mailbox
  private readonly backoff: Backoff
  private readonly restartTimer: RestartTimer
  private state: CellState = 'starting'
  private inSlot = false

  constructor(
    kernel: Kernel,
    path: string,
    create: () => Actor<unknown>,
    settings: ActorSettings,
    parent: Cell | undefined,
  ) {
    this.kernel = kernel
    this.path = path
    this.create = create
    this.settings = settings
    this.parent = parent
    this.mailbox = new Mailbox(settings.capacity)
    this.backoff = new Backoff(settings)
    this.restartTimer = new RestartTimer(this)
    this.ref = new LocalRef(path, this)
  }

  accept(message: unknown): boolean {
    if (this.state === 'stopping' || this.state === 'stopped') return false
    if (this.mailbox.full || this.refusesEarly()) {
      this.kernel.overflowed(this, this.settings.capacity, message)
      return false
    }
    this.put(message)
    return true
  }

  private refusesEarly(): boolean {
    return this.mailbox.busy && this.kernel.probe.provoke('actors.mailbox-full')
  }

  acceptAlways(message: unknown): boolean {
    if (this.state === 'stopping' || this.state === 'stopped') return false
    this.put(message)
    return true
  }

  hasWork(): boolean {
    return this.state === 'starting' || (this.state === 'running' && this.mailbox.waiting > 0)
  }

  runSlot(messages: number): number {
    const kernel = this.kernel
    kernel.delivering = true
    this.inSlot = true
    this.mailbox.bringIn()
    try {
      if (this.state === 'starting') this.begin()
      // Only what waits now; what it sends to itself comes after everybody who is ready.
      const count = this.state === 'running' ? Math.min(messages, this.mailbox.size) : 0
      if (count > 0) this.deliver(count)
      return Math.max(1, count)
    } finally {
      this.inSlot = false
      kernel.delivering = false
      kernel.throwEscalated()
    }
  }

  /** From here on it and all below it refuse messages and cannot be found. */
  markStopping(): void {
    if (this.state === 'stopping' || this.state === 'stopped') return
    this.state = 'stopping'
    this.kernel.timers.cancel(this.restartTimer)
    this.kernel.forget(this)
    for (const child of this.life?.children ?? []) child.markStopping()
  }

  /** Children first, the last spawned before the others; then `stopped`, once. */
  finishStopping(): void {
    if (this.state === 'stopped') return
    this.markStopping()
    this.endLife()
    this.state = 'stopped'
    const dropped = this.mailbox.waiting
    this.mailbox.clear()
    this.parent?.life?.children.delete(this)
    if (this.kernel.inspect === undefined) return
    this.kernel.inspect({ kind: 'stopped', ...this.kernel.origin(this), dropped })
  }

  /** The pause after a failure is over. */
  restart(): void {
    if (this.state !== 'waiting') return
    this.state = 'starting'
    this.kernel.scheduler.ready(this)
  }

  private put(message: unknown): void {
    // In its own slot only the actor itself runs, so this is a message to self.
    if (this.inSlot) this.mailbox.pushLater(message)
    else this.mailbox.push(message)
    if (!this.queued && this.state !== 'waiting') this.kernel.scheduler.ready(this)
  }

  private begin(): void {
    const number = (this.life?.incarnation ?? 0) + 1
    const life = new Incarnation(this, this.kernel, number)
    this.life = life
    this.state = 'running'
    this.backoff.started(this.kernel.host.monotonicMs())
    try {
      life.actor = this.create()
      life.actor.started?.(life)
    } catch (error) {
      this.failed(error)
    }
    if (number > 1) this.kernel.restarts += 1
    if (this.kernel.inspect !== undefined && life.alive) {
      const kind = number === 1 ? 'spawned' : 'restarted'
      this.kernel.inspect({ kind, ...this.kernel.origin(this) })
    }
    this.kernel.finishStops()
  }

  private deliver(count: number): void {
    const { kernel, mailbox } = this
    const life = this.life!
    const actor = life.actor!
    let message: unknown
    try {
      for (let left = count; left > 0; left -= 1) {
        message = mailbox.shift()
        kernel.delivered += 1
        if (message instanceof Deferred) {
          const taken = message.take()
          if (taken === nothing) continue
          message = taken
        }
        if (kernel.inspect !== undefined) {
          kernel.inspect({ kind: 'message', ...kernel.origin(this), message })
        }
        actor.receive(message, life)
        if (kernel.stops.length > 0) {
          kernel.finishStops()
          if (!life.alive) return
        }
      }
    } catch (error) {
      this.failed(error, message)
      kernel.finishStops()
    }
  }

  /** The current message is dropped; everything behind it stays in the mailbox. */
  private failed(error: unknown, message?: unknown): void {
    const { kernel } = this
    kernel.failures += 1
    if (kernel.inspect !== undefined) {
      const origin = kernel.origin(this)
      kernel.inspect({ kind: 'failed', ...origin, error, message })
    }
    if (this.state !== 'running') return
    const policy = this.settings.onFailure
    if (policy === 'restart') {
      this.endLife()
      this.state = 'waiting'
      const delayMs = this.backoff.nextDelayMs(kernel.host.monotonicMs())
      kernel.timers.arm(this.restartTimer, delayMs)
      return
    }
    kernel.stop(this)
    if (policy === 'stop') return
    if (this.parent === undefined) kernel.escalate(error, this.path)
    else this.parent.failed(error)
  }

  private endLife(): void {
    const life = this.life
    if (life === undefined || !life.alive) return
    life.end()
    for (const child of [...life.children].reverse()) child.finishStopping()
    try {
      life.actor?.stopped?.()
    } catch (error) {
      this.kernel.failures += 1
      if (this.kernel.inspect === undefined) return
      this.kernel.inspect({ kind: 'failed', ...this.kernel.origin(this), error })
    }
  }
}
