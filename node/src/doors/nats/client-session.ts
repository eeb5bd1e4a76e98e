// What a client may do on its connection: publish, subscribe, ask the API. Decides where a PUB goes
// (request, core message, refused), when a subscription ends, and when the client is too slow or
// too greedy. Knows nothing of parsing and of how requests are handled. Previous stop:
// connection.ts; next stops: doors/api.ts and core-messaging/router.ts.
import {
  type Chunks,
  decodeHeaders,
  emptyChunks,
  encodeHeaders,
  isReserved,
  type NatsMessage,
  natsWriter,
  QuorateError,
  validPattern,
  validSubject,
} from '@quorate/protocol'
import type { CoreMessage, Publisher, Subscription } from '../../core-messaging/subscription.ts'
import type { ByteLink } from '../../mesh/network.ts'
import { type ApiReply, errorReply, type ReadonlyHeaders, serveApi } from '../api.ts'
import type { DoorContext, EndReason } from './door-context.ts'

interface ClientSubscription extends Subscription {
  readonly id: string
  delivered: number
  /** Deliveries after which it ends by itself. */
  deliveriesMax: number
}

const meshPrefix = '$Q.mesh.'
const producePrefix = '$Q.1.produce.'
const noResponders = encodeHeaders({}, { code: 503 })
/** Other bytes would break the lines they stand in. */
const printable = /^[!-~]{1,256}$/
const spaceOrControl = /[\s\p{Cc}]/u
const whiteSpace = /\s/

/** White space beyond ASCII has no place in a line either, and the writer refuses it. */
function mayPublishOn(subject: string): boolean {
  return validSubject(subject) && !whiteSpace.test(subject)
}

export class ClientSession {
  readonly #context: DoorContext
  readonly #link: ByteLink
  readonly #clientId: number
  readonly #end: (reason: EndReason, text: string) => void
  readonly #subscriptions = new Map<string, ClientSubscription>()
  #open = true
  #verbose = false
  #supportsHeaders = false
  #wantsNoResponders = false
  #publisher: Publisher = { owner: this, echo: true }
  #requestsInWork = 0
  #requestBytesInWork = 0
  #paused = false
  /** One log line per client, however often it tries. */
  #violationLogged = false

  constructor(
    context: DoorContext,
    link: ByteLink,
    clientId: number,
    end: (reason: EndReason, text: string) => void,
  ) {
    this.#context = context
    this.#link = link
    this.#clientId = clientId
    this.#end = end
  }

  /** The options of CONNECT; unknown ones, `pedantic` and credentials are of no effect. */
  configure(options: Readonly<Record<string, unknown>>): void {
    this.#verbose = options['verbose'] === true
    this.#supportsHeaders = options['headers'] === true
    this.#wantsNoResponders = options['no_responders'] === true && this.#supportsHeaders
    this.#publisher = { owner: this, echo: options['echo'] !== false }
    this.#ok()
  }

  publish(message: NatsMessage): void {
    const { counts } = this.#context
    const { subject, reply } = message
    counts.messagesIn += 1
    counts.messageBytesIn += message.payload.byteLength + (message.headers?.byteLength ?? 0)
    if (!mayPublishOn(subject) || (reply !== undefined && !mayPublishOn(reply))) {
      this.#link.write(natsWriter.error('Invalid Subject'))
    } else if (reply !== undefined && isReserved(reply)) {
      this.#refuse('Publish', reply)
    } else if (!isReserved(subject)) {
      this.#publishCore(message)
    } else if (subject.startsWith(meshPrefix)) {
      this.#refuse('Publish', subject)
    } else {
      this.#request(message)
      this.#ok()
    }
  }

  subscribe(pattern: string, queue: string | undefined, id: string): void {
    const { limits, events, router } = this.#context
    if (!validPattern(pattern) || !printable.test(id) || spaceOrControl.test(queue ?? '')) {
      this.#link.write(natsWriter.error('Invalid Subject'))
      return
    }
    if (pattern.startsWith(meshPrefix)) {
      this.#refuse('Subscription', pattern)
      return
    }
    if (this.#subscriptions.size >= limits.subscriptionsMax) {
      this.#link.write(natsWriter.error('maximum subscriptions exceeded'))
      return
    }
    if (!this.#subscriptions.has(id)) {
      const subscription: ClientSubscription = {
        owner: this,
        pattern,
        queue,
        id,
        delivered: 0,
        deliveriesMax: Number.POSITIVE_INFINITY,
        deliver: (message) => this.#deliver(subscription, message),
      }
      this.#subscriptions.set(id, subscription)
      if (isReserved(pattern)) events.add(subscription)
      else router.subscribe(subscription)
    }
    this.#ok()
  }

  unsubscribe(id: string, max: number | undefined): void {
    const subscription = this.#subscriptions.get(id)
    if (subscription !== undefined) {
      if (max === undefined || max <= subscription.delivered) this.#remove(subscription)
      else subscription.deliveriesMax = max
    }
    this.#ok()
  }

  /** Stops or resumes reading: a client that does not take its replies gets no more of them. */
  checkFlow(): void {
    const { limits } = this.#context
    // Half of each bound below which reading goes on keeps the door from flapping.
    const share = this.#paused ? 0.5 : 1
    const pause =
      this.#requestsInWork >= limits.requestsPerClientMax * share ||
      this.#requestBytesInWork >= limits.requestBytesPerClientMax * share ||
      this.#link.backlogBytes >= (limits.backlogBytesMax / 2) * share
    if (pause === this.#paused || !this.#open) return
    this.#paused = pause
    if (pause) this.#link.pause()
    else this.#link.resume()
  }

  close(): void {
    this.#open = false
    for (const subscription of this.#subscriptions.values()) this.#remove(subscription)
  }

  #publishCore({ subject, reply, headers, payload }: NatsMessage): void {
    const { router } = this.#context
    const wanted = router.publish({ subject, reply, headers, payload }, this.#publisher)
    this.#ok()
    if (wanted || reply === undefined || !this.#wantsNoResponders) return
    const status = { subject: reply, reply: undefined, headers: noResponders, payload: emptyChunks }
    router.find(reply, this)?.deliver(status)
  }

  #request({ subject, reply, headers, payload }: NatsMessage): void {
    const { counts, limits, requestsInWork } = this.#context
    if (reply === undefined && !subject.startsWith(producePrefix)) {
      counts.requestsDropped += 1
      return
    }
    if (requestsInWork.bytes + payload.byteLength > limits.requestBytesMax) {
      counts.requestsOverloaded += 1
      const detail = 'requests of all clients of this node'
      this.#reply(reply, errorReply(new QuorateError('QUORATE_OVERLOADED', detail)))
      return
    }
    let decoded: ReadonlyHeaders | undefined
    try {
      decoded = headers === undefined ? undefined : decodeHeaders(headers)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      this.#reply(reply, errorReply(error))
      return
    }
    counts.requests += 1
    this.#serve(subject, reply, decoded, payload)
  }

  #serve(
    subject: string,
    reply: string | undefined,
    headers: ReadonlyHeaders | undefined,
    payload: Chunks,
  ): void {
    const { api, log, requestsInWork } = this.#context
    const { byteLength } = payload
    requestsInWork.count += 1
    requestsInWork.bytes += byteLength
    this.#requestsInWork += 1
    this.#requestBytesInWork += byteLength
    this.checkFlow()
    const respond = (answer: ApiReply): void => {
      requestsInWork.count -= 1
      requestsInWork.bytes -= byteLength
      this.#requestsInWork -= 1
      this.#requestBytesInWork -= byteLength
      this.#reply(reply, answer)
      this.checkFlow()
    }
    const call = { subject, headers, payload, origin: 'client' } as const
    serveApi(call, api, respond, (error) => log.error('door.handler-failed', { subject, error }))
  }

  /** By the router, since whoever the client named may listen, here or on another node. */
  #reply(to: string | undefined, { headers, payload }: ApiReply): void {
    if (to === undefined) return
    const block = headers === undefined ? undefined : encodeHeaders(headers)
    this.#context.router.publish({ subject: to, reply: undefined, headers: block, payload })
  }

  /** Runs in the turn of whoever published: nothing here may throw at them. */
  #deliver(subscription: ClientSubscription, message: CoreMessage): void {
    if (this.#subscriptions.get(subscription.id) !== subscription) return
    subscription.delivered += 1
    if (subscription.delivered >= subscription.deliveriesMax) this.#remove(subscription)
    const { counts, limits, log } = this.#context
    const { subject, reply, payload } = message
    const headers = this.#supportsHeaders ? message.headers : undefined
    try {
      this.#link.write(natsWriter.msg(subject, subscription.id, reply, headers, payload))
    } catch (error) {
      log.error('door.delivery-failed', { subject, error })
      return
    }
    counts.messagesOut += 1
    counts.messageBytesOut += payload.byteLength + (headers?.byteLength ?? 0)
    if (this.#link.backlogBytes > limits.backlogBytesMax) this.#endSlow()
  }

  #endSlow(): void {
    const { backlogBytes, peer } = this.#link
    this.#context.log.warn('door.slow-consumer', {
      client: this.#clientId,
      from: peer,
      backlogBytes,
    })
    this.#end('slow-consumer', 'Slow Consumer')
  }

  #remove(subscription: ClientSubscription): void {
    const { events, router } = this.#context
    this.#subscriptions.delete(subscription.id)
    if (isReserved(subscription.pattern)) events.remove(subscription)
    else router.unsubscribe(subscription)
  }

  #refuse(operation: 'Publish' | 'Subscription', subject: string): void {
    const { counts, log } = this.#context
    counts.permissionViolations += 1
    if (!this.#violationLogged) {
      this.#violationLogged = true
      log.warn('door.permission-violation', { from: this.#link.peer, operation, subject })
    }
    this.#link.write(natsWriter.error(`Permissions Violation for ${operation} to "${subject}"`))
  }

  #ok(): void {
    if (this.#verbose) this.#link.write(natsWriter.ok())
  }
}
