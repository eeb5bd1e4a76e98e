// The actor of one outgoing link: one peer, one channel. Dials, proves itself, keeps the link alive,
// dials again, and sends what its mailbox brings, gathered per turn. Decides when the peer counts
// as lost (redial.ts has the rule). Invariant: at most one byte link is open. Previous stop: mesh.ts;
// next: outbox.ts for what is sent, the peer's door for what arrives there.
import type { Actor, ActorContext } from '@quorate/actors'
import { natsWriter, QuorateError } from '@quorate/protocol'
import type { RaftMessage, ReplicaId } from '@quorate/raft'
import type { NodeProbe } from '../probes.ts'
import type { GroupId, LogEntry } from '../storage/log-entry.ts'
import { type PreparedItem, prepareReply } from './call-codec.ts'
import type { MeshLogRecord } from './events.ts'
import type { MeshAnswer, MeshChannel, MeshSelf } from './handshake.ts'
import { ItemKind } from './item-kind.ts'
import type { MeshLimits } from './limits.ts'
import { LinkSession } from './link-session.ts'
import type { LinkCounters } from './metrics.ts'
import type { ByteLink, Network } from './network.ts'
import { Outbox, type Placement, requestError } from './outbox.ts'
import { type DialEnd, Redial } from './redial.ts'

/** A link that has been up for so long may be reset by a simulation. */
const resetAfterMs = 5_000

export type PeerLinkMessage =
  | {
      readonly type: 'raft'
      readonly group: GroupId
      readonly from: ReplicaId
      readonly to: ReplicaId
      readonly message: RaftMessage<LogEntry>
    }
  /** `id` of a request or reply; `session` of the asker for a reply. */
  | {
      readonly type: 'item'
      readonly item: PreparedItem
      readonly id?: number
      readonly session?: number
    }
  /** The link must break: a message did not get into the mailbox, or the peer was replaced. */
  | { readonly type: 'drop'; readonly error: QuorateError }
  /** All that was queued in this turn goes out as one frame. */
  | { readonly type: 'flush' }
  /** Dial now: a pause is over, the peer was seen, or its address changed. */
  | { readonly type: 'dial' }
  | { readonly type: 'close' }
  | { readonly type: 'handshake-late'; readonly attempt: Attempt }
  | { readonly type: 'keep-alive' }
  | { readonly type: 'opened'; readonly attempt: Attempt; readonly link: ByteLink }
  | { readonly type: 'bytes'; readonly attempt: Attempt; readonly chunk: Uint8Array }
  | { readonly type: 'closed'; readonly attempt: Attempt; readonly error: Error | undefined }

/** One connection attempt. Compared by identity, so that it differs from those of earlier lives. */
interface Attempt {
  readonly address: string
}

export interface PeerLinkEvents {
  up(session: number): void
  down(): void
  /** It was up, broke, and the peer refused the connection that followed at once. */
  lost(): void
  /** Nothing of these requests was sent. */
  refused(ids: readonly number[], error: QuorateError): void
  log(record: MeshLogRecord): void
}

export interface PeerLinkOptions {
  readonly network: Network
  readonly self: MeshSelf
  readonly node: string
  readonly channel: MeshChannel
  /** As known now: it may change between two attempts. */
  readonly target: () => { readonly address: string; readonly incarnation: string }
  readonly nonce: () => string
  readonly probe: NodeProbe
  readonly limits: MeshLimits
  readonly counters: LinkCounters
  readonly events: PeerLinkEvents
}

export function meshSubject(node: string): string {
  return `$Q.mesh.${node}`
}

export class PeerLink implements Actor<PeerLinkMessage> {
  readonly #options: PeerLinkOptions
  readonly #outbox: Outbox
  #redial!: Redial
  #context!: ActorContext<PeerLinkMessage>
  /** idle: waits for the next `dial`. dialling: until the handshake is proven or failed. */
  #state: 'idle' | 'dialling' | 'up' | 'closed' = 'idle'
  /** The attempt that counts; what an earlier one still reports is ignored. */
  #attempt: Attempt | undefined
  #link: ByteLink | undefined
  #session: LinkSession | undefined
  #flushAsked = false
  #upSinceMs = 0
  /** PINGs in a row after which nothing arrived. */
  #unheard = 0
  /** Code of the last failure that was logged; a failure that repeats is logged once. */
  #loggedFailure: string | undefined

  constructor(options: PeerLinkOptions) {
    this.#options = options
    const { limits, channel, node, counters, probe } = options
    this.#outbox = new Outbox({
      subject: meshSubject(node),
      queueBytesMax: channel === 'control' ? limits.controlQueueBytesMax : limits.bulkQueueBytesMax,
      frameBytesMax: limits.frameBytesMax,
      counters,
      probe,
    })
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  started(context: ActorContext<PeerLinkMessage>): void {
    this.#context = context
    const { self, node, channel, limits } = this.#options
    const purpose = `${self.nodeId}/mesh/${node}/${channel}/redial`
    this.#redial = new Redial(limits, (bound) => context.random.integer(purpose, bound))
    this.#dial()
  }

  stopped(): void {
    const wasUp = this.#state === 'up'
    this.#state = 'closed'
    this.#link?.destroy()
    this.#dropUnsent()
    if (wasUp) this.#options.events.down()
  }

  receive(message: PeerLinkMessage, context: ActorContext<PeerLinkMessage>): void {
    switch (message.type) {
      case 'raft': {
        const { group, from, to } = message
        this.#placed(this.#outbox.addRaft(group, from, to, message.message), 'raft')
        return
      }
      case 'item':
        this.#add(message.item, message.id, message.session)
        return
      case 'drop':
        this.#ended('failed', message.error)
        return
      case 'flush':
        this.#flushAsked = false
        this.#outbox.flush()
        return
      case 'dial':
        if (this.#state === 'idle') this.#dial()
        return
      case 'close':
        this.#outbox.flush()
        this.#link?.end()
        this.#link = undefined
        context.stop()
        return
      case 'handshake-late':
        if (message.attempt === this.#attempt && this.#state === 'dialling') this.#handshakeLate()
        return
      case 'keep-alive':
        this.#keepAlive()
        return
      case 'opened':
        this.#opened(message.attempt, message.link)
        return
      case 'bytes':
        if (message.attempt !== this.#attempt) return
        this.#unheard = 0
        this.#session?.push(message.chunk)
        return
      case 'closed':
        if (message.attempt === this.#attempt) this.#ended(endOf(message.error), message.error)
        return
    }
  }

  // ── Connecting ────────────────────────────────────────────────────────────────────────────────

  #dial(): void {
    const { network, limits, target } = this.#options
    const { self } = this.#context
    const attempt: Attempt = { address: target().address }
    this.#attempt = attempt
    this.#state = 'dialling'
    this.#context.cancelTimer('dial')
    // Replies, not sends: a full mailbox must not lose what happened to the connection.
    const handlers = {
      data: (chunk: Uint8Array): void => void self.reply({ type: 'bytes', attempt, chunk }),
      closed: (error?: Error): void => void self.reply({ type: 'closed', attempt, error }),
    }
    const opened = (link: ByteLink): void => {
      // An actor that has stopped takes no replies, and nobody else knows of this link.
      if (!self.reply({ type: 'opened', attempt, link })) link.destroy()
    }
    network.connect(attempt.address, handlers, opened, { timeoutMs: limits.handshakeMs })
  }

  #opened(attempt: Attempt, link: ByteLink): void {
    if (attempt !== this.#attempt || this.#state !== 'dialling') {
      link.destroy()
      return
    }
    const { self, node, channel, target, nonce, limits } = this.#options
    this.#link = link
    const registeredIncarnation = target().incarnation
    this.#session = new LinkSession(
      link,
      { self, node, registeredIncarnation, channel, nonce: nonce() },
      {
        proven: (answer, payloadBytesMax) => this.#proven(link, answer, payloadBytesMax),
        failed: (error) => this.#ended('failed', error),
      },
    )
    const late = { type: 'handshake-late', attempt } as const
    this.#context.setTimer('handshake', limits.handshakeMs, late)
  }

  #proven(link: ByteLink, answer: MeshAnswer, payloadBytesMax: number): void {
    const { events, counters } = this.#options
    this.#state = 'up'
    this.#unheard = 0
    this.#upSinceMs = this.#context.clock.monotonicMs()
    this.#loggedFailure = undefined
    counters.connects += 1
    this.#context.cancelTimer('handshake')
    this.#outbox.open(link, payloadBytesMax)
    this.#armKeepAlive()
    this.#log('mesh.link-up')
    events.up(answer.session)
  }

  #handshakeLate(): void {
    const detail = `no handshake within ${this.#options.limits.handshakeMs} ms`
    this.#ended('failed', new QuorateError('QUORATE_TIMEOUT', detail))
  }

  /** The attempt, or the link that was up, is over. Decides when the next one begins. */
  #ended(end: DialEnd, error: Error | undefined): void {
    const wasUp = this.#state === 'up'
    if (this.#state === 'idle' || this.#state === 'closed') return
    this.#link?.destroy()
    this.#link = undefined
    this.#session = undefined
    this.#state = 'idle'
    // What this attempt still reports belongs to the past.
    this.#attempt = undefined
    for (const timer of ['handshake', 'keep-alive']) this.#context.cancelTimer(timer)
    this.#dropUnsent()
    const upForMs = this.#context.clock.monotonicMs() - this.#upSinceMs
    const { delayMs, lost } = wasUp ? this.#redial.afterUp(upForMs) : this.#redial.after(end)
    this.#logEnd(wasUp, error)
    if (wasUp) this.#options.events.down()
    if (lost) this.#options.events.lost()
    if (delayMs === 0) this.#dial()
    else this.#context.setTimer('dial', delayMs, { type: 'dial' })
  }

  #dropUnsent(): void {
    const unsent = this.#outbox.close()
    if (unsent.length === 0) return
    this.#options.events.refused(unsent, requestError('down', this.#options.node))
  }

  // ── Keeping alive ─────────────────────────────────────────────────────────────────────────────

  #armKeepAlive(): void {
    const { channel, limits } = this.#options
    const delayMs = channel === 'control' ? limits.controlPingMs : limits.bulkPingMs
    this.#context.setTimer('keep-alive', delayMs, { type: 'keep-alive' })
  }

  /**
   * Counts PINGs, not time: after this process itself was paused one late PING proves nothing, the
   * answers to the earlier ones may wait in the socket.
   */
  #keepAlive(): void {
    if (this.#state !== 'up' || this.#link === undefined) return
    const { channel, limits } = this.#options
    const control = channel === 'control'
    const pingMs = control ? limits.controlPingMs : limits.bulkPingMs
    const silentMs = control ? limits.controlSilentMs : limits.bulkSilentMs
    if (this.#unheard * pingMs >= silentMs) {
      this.#ended('failed', new QuorateError('QUORATE_TIMEOUT', `silent for ${silentMs} ms`))
      return
    }
    if (this.#isReset()) {
      this.#ended('failed', new QuorateError('QUORATE_TIMEOUT', 'reset'))
      return
    }
    this.#unheard += 1
    this.#link.write(natsWriter.ping())
    this.#armKeepAlive()
  }

  #isReset(): boolean {
    const upForMs = this.#context.clock.monotonicMs() - this.#upSinceMs
    return upForMs >= resetAfterMs && this.#options.probe.provoke('mesh.link-reset')
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────

  #add(item: PreparedItem, id: number | undefined, session: number | undefined): void {
    const request = item.kind === ItemKind.request
    const placement = this.#outbox.add(item, request ? id : undefined)
    if (placement === 'queued' || placement === 'down') {
      if (request && placement === 'down') this.#refuse(id, placement)
      this.#placed(placement, 'item')
      return
    }
    if (request) this.#refuse(id, placement)
    else if (item.kind === ItemKind.reply && placement === 'too-large') {
      // The request was carried out; only its answer cannot travel.
      const error = new QuorateError('QUORATE_PAYLOAD_TOO_LARGE', 'the reply fits no frame', {
        outcome: 'unknown',
      })
      this.#placed(this.#outbox.add(prepareReply(id ?? 0, session ?? 0, error)), 'reply')
    } else if (isMessage(item.kind) && placement === 'full') {
      // Its receiver relies on getting all or seeing the link break.
      this.#ended('failed', new QuorateError('QUORATE_OVERLOADED', 'a message was lost'))
    } else this.#placed(placement, 'item')
  }

  #refuse(id: number | undefined, placement: Exclude<Placement, 'queued'>): void {
    if (id === undefined) throw new Error('a request without id')
    this.#options.events.refused([id], requestError(placement, this.#options.node))
  }

  #placed(placement: Placement, what: string): void {
    if (placement === 'too-large') this.#log('mesh.item-too-large', { detail: what })
    if (placement !== 'queued' || this.#flushAsked) return
    this.#flushAsked = true
    // Behind everybody who is ready now: their messages join this frame.
    this.#context.self.reply({ type: 'flush' })
  }

  // ── Logging ───────────────────────────────────────────────────────────────────────────────────

  #logEnd(wasUp: boolean, error: Error | undefined): void {
    const failure = error instanceof QuorateError ? error.code : (codeOf(error) ?? 'ended')
    if (!wasUp && failure === this.#loggedFailure) return
    this.#loggedFailure = wasUp ? undefined : failure
    const code = error instanceof QuorateError ? { code: error.code } : {}
    const detail = error?.message ?? 'ended by the peer'
    this.#log(wasUp ? 'mesh.link-down' : 'mesh.link-failed', { ...code, detail })
  }

  #log(event: MeshLogRecord['event'], more: Partial<MeshLogRecord> = {}): void {
    const { events, node, channel } = this.#options
    events.log({ event, node, channel, ...more })
  }
}

function isMessage(kind: ItemKind): boolean {
  return kind === ItemKind.interest || kind === ItemKind.core || kind === ItemKind.leaders
}

function codeOf(error: Error | undefined): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

function endOf(error: Error | undefined): DialEnd {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return 'refused'
  return error === undefined || code === 'ECONNRESET' || code === 'EPIPE' ? 'broken-off' : 'failed'
}
