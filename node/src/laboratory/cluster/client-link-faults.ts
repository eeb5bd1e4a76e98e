// What a plan does to the requests of one simulated client between its core and its connection: loses
// them or their replies, or lets writes arrive again later. A write arrives again only after it was
// acknowledged: a first copy that was refused as not applied must stay so. Knows nothing of when.

import type { Random } from '@quorate/actors'
import type { SimulatedHost } from '@quorate/actors/testing'
import type { Link, LinkMessage, LinkOpener } from '@quorate/client/testing'
import { apiSubject, decodeWriteReply, headerNames } from '@quorate/protocol'

export const clientLinkFaults = ['lose-requests', 'lose-replies', 'repeat-produces'] as const
export type ClientLinkFault = (typeof clientLinkFaults)[number]

const againMenuMs: readonly number[] = [5, 100, 1_000, 8_000]
const againTimeoutMs = 5_000
const writeSubject = apiSubject('write')

/** One for all lives of a client. */
export class ClientLinkFaults {
  readonly #random: Random
  readonly #met: Record<ClientLinkFault, number> = {
    'lose-requests': 0,
    'lose-replies': 0,
    'repeat-produces': 0,
  }
  readonly #active = new Map<ClientLinkFault, number>()

  constructor(random: Random) {
    this.#random = random
  }

  /** How often each was met. */
  get met(): Readonly<Record<ClientLinkFault, number>> {
    return this.#met
  }

  begin(fault: ClientLinkFault): void {
    this.#active.set(fault, (this.#active.get(fault) ?? 0) + 1)
  }

  end(fault: ClientLinkFault): void {
    this.#active.set(fault, Math.max(0, (this.#active.get(fault) ?? 0) - 1))
  }

  get active(): boolean {
    return [...this.#active.values()].some((count) => count > 0)
  }

  /** Ends all; what was to arrive again does not. */
  clear(): void {
    this.#active.clear()
  }

  /** The opener of one life of the client. */
  around(opener: LinkOpener, host: SimulatedHost): LinkOpener {
    return {
      open: (address, events) =>
        opener.open(address, {
          ...events,
          opened: (link) => events.opened(this.#link(link, host)),
        }),
    }
  }

  #link(link: Link, host: SimulatedHost): Link {
    return {
      address: link.address,
      publish: (subject, payload, headers) => link.publish(subject, payload, headers),
      subscribe: (subject, receive) => link.subscribe(subject, receive),
      close: () => link.close(),
      request: (subject, payload, timeoutMs, done, headers) => {
        if (this.#hits('lose-requests')) {
          host.setTimer(() => done('timeout', undefined), timeoutMs)
          return
        }
        const deadlineMs = host.monotonicMs() + timeoutMs
        const replied: typeof done = (failure, reply) => {
          if (reply !== undefined && this.#hits('lose-replies')) {
            host.setTimer(() => done('timeout', undefined), deadlineMs - host.monotonicMs())
            return
          }
          done(failure, reply)
          if (reply === undefined || subject !== writeSubject) return
          if (!isStored(reply) || !this.#hits('repeat-produces')) return
          const again = (): void => {
            if (this.#active.size > 0) {
              link.request(subject, payload, againTimeoutMs, () => {}, headers)
            }
          }
          host.setTimer(again, againMenuMs[this.#draw(againMenuMs.length)]!)
        }
        link.request(subject, payload, timeoutMs, replied, headers)
      },
    }
  }

  #hits(fault: ClientLinkFault): boolean {
    if ((this.#active.get(fault) ?? 0) === 0 || this.#draw(2) === 0) return false
    this.#met[fault] += 1
    return true
  }

  #draw(bound: number): number {
    return this.#random.integer('link-faults', bound)
  }
}

/** All of the write was stored, now or before. */
function isStored({ headers, payload }: LinkMessage): boolean {
  if (headers[headerNames.error] !== undefined) return false
  return decodeWriteReply(payload).every(({ error }) => error === undefined)
}
