// References to actors of other nodes, and what a message needs to get there: a codec for its type
// and a transport that carries bytes. Knows nothing of connections; the mesh registers itself as
// transport. Order between two actors is kept as far as the transport keeps the order of frames.
import type { ActorRef } from './actor.ts'

/** A message that may cross nodes says its type; the type chooses the codec. */
export interface RemoteMessage {
  readonly type: string
}

/** Bytes in pieces, so that payloads are passed on by reference. */
export interface WireBytes {
  readonly pieces: readonly Uint8Array[]
  readonly byteLength: number
}

export interface MessageCodec<Message extends RemoteMessage = RemoteMessage> {
  readonly type: Message['type']
  encode(message: Message): WireBytes
  /** Throws on bytes that are no such message. */
  decode(bytes: WireBytes): Message
}

export interface RemoteEnvelope {
  /** Path of the receiving actor, or of an open ask (`asker#17`). */
  readonly path: string
  readonly type: string
  /** Whether it was sent by `reply`, and is accepted by a full mailbox. */
  readonly reply: boolean
  readonly body: WireBytes
}

export interface RemoteTransport {
  /**
   * Hands the envelope to the other node's `deliver`, at most once and in order per node, only to
   * the process life it was addressed to. False when it is certain that it will not arrive.
   */
  send(node: string, envelope: RemoteEnvelope): boolean
}

export class RemoteGate {
  private readonly codecs = new Map<string, MessageCodec>()
  private transport: RemoteTransport | undefined

  registerTransport(transport: RemoteTransport): void {
    if (this.transport !== undefined) throw new Error('a transport is registered already')
    this.transport = transport
  }

  registerCodec(codec: MessageCodec): void {
    if (this.codecs.has(codec.type)) throw new Error(`codec ${codec.type} is registered already`)
    this.codecs.set(codec.type, codec)
  }

  codec(type: string): MessageCodec | undefined {
    return this.codecs.get(type)
  }

  send(node: string, path: string, message: RemoteMessage, reply: boolean): boolean {
    const codec = this.codecs.get(message.type)
    if (codec === undefined) {
      throw new Error(`no codec for message type ${message.type}, sent to ${node}/${path}`)
    }
    if (this.transport === undefined) throw new Error('no transport is registered')
    const { type } = message
    return this.transport.send(node, { path, type, reply, body: codec.encode(message) })
  }
}

export class RemoteRef<Message extends RemoteMessage> implements ActorRef<Message> {
  readonly node: string
  readonly path: string
  private readonly gate: RemoteGate

  constructor(gate: RemoteGate, node: string, path: string) {
    this.gate = gate
    this.node = node
    this.path = path
  }

  send(message: Message): boolean {
    return this.gate.send(this.node, this.path, message, false)
  }

  reply(message: Message): boolean {
    return this.gate.send(this.node, this.path, message, true)
  }
}
