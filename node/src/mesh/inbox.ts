// Incoming mesh connections: who may be one, and where what they bring goes. Of each peer and
// channel one connection counts, the newest; frames of an older one are ignored, so nothing arrives
// out of order after a reconnect. Previous stop: the door's connection; next: MeshEvents.
import type { Clock, RemoteEnvelope } from '@quorate/actors'
import { type Chunks, QuorateError } from '@quorate/protocol'
import {
  type MeshReply,
  type PreparedItem,
  prepareReply,
  type ReplyItem,
  type RequestItem,
} from './call-codec.ts'
import type { MeshEvents } from './events.ts'
import { decodeFrame, type MeshItem } from './frame-codec.ts'
import {
  judgeHello,
  type MeshAnswer,
  type MeshChannel,
  type MeshHello,
  type MeshSelf,
  makeAnswer,
} from './handshake.ts'
import type { LinkCounters } from './metrics.ts'
import type { MeshTap } from './tap.ts'

/** What the door gets for a connection whose proof was accepted. */
export interface AcceptedPeer {
  /** Goes into the second INFO. */
  readonly info: { readonly quorate_mesh: MeshAnswer }
  /** For logs, e.g. `n2/bulk`. */
  readonly peerLabel: string
  /**
   * Payload of a message on `$Q.mesh.<this node>`. Throws QUORATE_INVALID_REQUEST when it is no
   * frame; then nothing of it was taken and the door closes the connection.
   */
  frame(payload: Chunks): void
  /** The connection is gone. */
  closed(): void
}

export interface InboxOptions {
  readonly self: MeshSelf
  readonly clock: Clock
  readonly events: MeshEvents
  incarnationOf(node: string): string | undefined
  counters(node: string, channel: MeshChannel): LinkCounters | undefined
  opened(node: string, channel: MeshChannel, session: number, address: string): void
  closed(node: string, channel: MeshChannel): void
  reply(fromNode: string, item: ReplyItem): void
  respond(toNode: string, item: PreparedItem, id: number, session: number): void
  deliver(envelope: RemoteEnvelope): void
  readonly tap?: MeshTap | undefined
}

interface Incoming {
  readonly hello: MeshHello
  readonly close: () => void
}

export class Inbox {
  requestsServed = 0
  peersRefused = 0
  readonly #options: InboxOptions
  /** The connection that counts, by `node/channel`. */
  readonly #current = new Map<string, Incoming>()
  #closed = false

  constructor(options: InboxOptions) {
    this.#options = options
  }

  accept(
    connect: Readonly<Record<string, unknown>>,
    nonce: string,
    close: () => void,
  ): { readonly refused: QuorateError } | AcceptedPeer {
    const { self, incarnationOf } = this.#options
    const hello = this.#closed
      ? new QuorateError('QUORATE_SHUTTING_DOWN')
      : judgeHello(self, incarnationOf, connect['quorate_mesh'], nonce)
    if (hello instanceof QuorateError) {
      this.peersRefused += 1
      if (hello.code === 'QUORATE_WRONG_NODE') this.#options.events.strangerRefused()
      return { refused: hello }
    }
    const { nodeId: node, channel } = hello
    const peerLabel = `${node}/${channel}`
    const incoming: Incoming = { hello, close }
    this.#close(peerLabel)
    this.#current.set(peerLabel, incoming)
    this.#options.opened(node, channel, hello.session, hello.address)
    return {
      info: { quorate_mesh: makeAnswer(self, hello, nonce) },
      peerLabel,
      frame: (payload) => {
        if (this.#current.get(peerLabel) === incoming) this.#frame(hello, payload)
      },
      closed: () => {
        if (this.#current.get(peerLabel) === incoming) this.#leave(peerLabel)
      },
    }
  }

  /** Ends the connections of a node. */
  drop(node: string): void {
    this.#close(`${node}/control`)
    this.#close(`${node}/bulk`)
  }

  /** From here on everybody is refused. */
  close(): void {
    this.#closed = true
    for (const peerLabel of [...this.#current.keys()]) this.#close(peerLabel)
  }

  #close(peerLabel: string): void {
    const incoming = this.#current.get(peerLabel)
    this.#leave(peerLabel)
    incoming?.close()
  }

  /** The connection that counted so far, if any, counts no more. */
  #leave(peerLabel: string): void {
    const incoming = this.#current.get(peerLabel)
    if (incoming === undefined) return
    this.#current.delete(peerLabel)
    const { nodeId: node, channel } = incoming.hello
    this.#options.closed(node, channel)
  }

  #frame(hello: MeshHello, payload: Chunks): void {
    const { nodeId: node, channel } = hello
    const counters = this.#options.counters(node, channel)
    const items = this.#decode(hello, payload, counters)
    if (counters !== undefined) {
      counters.framesIn += 1
      counters.bytesIn += payload.byteLength
      counters.itemsIn += items.length
    }
    const { tap } = this.#options
    for (const item of items) {
      if (tap === undefined) this.#dispatch(hello, item)
      else tap.received(node, item, (delivered) => this.#dispatch(hello, delivered))
    }
  }

  #decode(hello: MeshHello, payload: Chunks, counters: LinkCounters | undefined): MeshItem[] {
    try {
      return decodeFrame(payload)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      if (counters !== undefined) counters.damagedIn += 1
      const { nodeId: node, channel } = hello
      const { code, message: detail } = error
      this.#options.events.log({ event: 'mesh.damaged-frame', node, channel, code, detail })
      throw error
    }
  }

  #dispatch(hello: MeshHello, item: MeshItem): void {
    const { events } = this.#options
    switch (item.type) {
      case 'raft': {
        const { group, from, to, message } = item
        events.raft(group, from, to, message, hello.nodeId, hello.session)
        return
      }
      case 'request':
        this.#serve(hello, item)
        return
      case 'reply':
        this.#options.reply(hello.nodeId, item)
        return
      case 'message':
        events.message(hello.nodeId, item.kind, item.bytes)
        return
      case 'actor':
        this.#options.deliver(item.envelope)
        return
    }
  }

  #serve(hello: MeshHello, item: RequestItem): void {
    this.requestsServed += 1
    const { clock, events, respond } = this.#options
    const { id, timeoutMs, subject, headers, payload } = item
    const { nodeId: fromNode, session } = hello
    let answered = false
    events.request({
      fromNode,
      subject,
      headers,
      payload,
      deadlineMs: clock.monotonicMs() + timeoutMs,
      respond: (outcome) => {
        if (answered) return
        answered = true
        respond(fromNode, replyItem(id, session, outcome), id, session)
      },
    })
  }
}

/** A reply whose headers cannot travel is still an answer. */
function replyItem(id: number, session: number, outcome: MeshReply | QuorateError): PreparedItem {
  try {
    return prepareReply(id, session, outcome)
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    const unsendable = new QuorateError(error.code, error.detail, { outcome: 'unknown' })
    return prepareReply(id, session, unsendable)
  }
}
