// Which nodes the client is connected to. Opens a link to each address somebody needs, keeps links
// to at least two nodes, opens lost ones again after a pause, and notices links that no longer
// answer. Knows nothing of topics. Requests of all other parts pass through here on their way to
// the link; leader changes that nodes push come in here and go to routing.ts.
import type { TimerHandle } from '@quorate/actors'
import type { LeaderEvent, NodeAddress } from '@quorate/protocol'
import { leaderEventSubject, QuorateError } from '@quorate/protocol'
import type { Link, LinkMessage, RequestFailure } from '../link.ts'
import { Backoff } from './backoff.ts'
import type { Environment } from './environment.ts'
import { isLeaderEvent, parseJson } from './reply.ts'

export interface ConnectionsListener {
  opened(address: string): void
  /** The link closed, or could not be opened. */
  lost(address: string): void
  leaderEvent(event: LeaderEvent): void
}

export type RequestDone = (
  failure: RequestFailure | undefined,
  reply: LinkMessage | undefined,
) => void

interface Peer {
  readonly address: string
  readonly backoff: Backoff
  /** `waiting`: an attempt failed or the link closed; `timer` ends the pause. */
  state: 'closed' | 'opening' | 'open' | 'waiting'
  link: Link | undefined
  timer: TimerHandle | undefined
  /** Rises with each attempt, so that events of an abandoned one are told apart. */
  generation: number
  /** Somebody needs this address. Reset when it is lost: who still needs it says so again. */
  wanted: boolean
  /** When the last message came in. */
  heardMs: number
  /** A request went unanswered for the silence limit and nothing has come in since. */
  silent: boolean
  lastError: Error | undefined
}

export class Connections {
  readonly #environment: Environment
  readonly #listener: ConnectionsListener
  readonly #seeds: readonly string[]
  readonly #peers = new Map<string, Peer>()
  readonly #nodes = new Map<string, string>()
  #started: ((error?: QuorateError) => void) | undefined
  #closed = false

  constructor(environment: Environment, seeds: readonly string[], listener: ConnectionsListener) {
    this.#environment = environment
    this.#seeds = seeds
    this.#listener = listener
  }

  /**
   * Opens all seeds; done with the first that opens, or with an error when all have failed. After
   * an error it can be called again.
   */
  start(done: (error?: QuorateError) => void): void {
    this.#started = done
    for (const address of this.#seeds) this.want(address)
  }

  isOpen(address: string): boolean {
    return this.#peers.get(address)?.state === 'open'
  }

  get openAddresses(): string[] {
    return [...this.#peers.values()].filter((peer) => peer.state === 'open').map((p) => p.address)
  }

  /** Address of a node for clients, if a route or hint has named it. */
  addressOf(node: string): string | undefined {
    return this.#nodes.get(node)
  }

  learn(nodes: readonly NodeAddress[]): void {
    for (const { id, address } of nodes) this.#nodes.set(id, address)
    this.#keepEnough()
  }

  /** Sees to it that there will be a link to this address. */
  want(address: string): void {
    if (this.#closed) return
    const peer = this.#peer(address)
    peer.wanted = true
    if (peer.state === 'closed') this.#open(peer)
  }

  /** An open link's address: one that answers rather than a silent one, `avoid` only if allowed. */
  any(avoid?: string): string | undefined {
    const open = [...this.#peers.values()].filter(
      (peer) => peer.state === 'open' && peer.address !== avoid,
    )
    const answering = open.filter((peer) => !peer.silent)
    const choice = answering.length > 0 ? answering : open
    if (choice.length === 0) return undefined
    return choice[this.#environment.random.integer('client/any-node', choice.length)]!.address
  }

  /** `done` is called exactly once, and on a later turn: by the link's own promise. */
  request(
    address: string,
    subject: string,
    payload: Uint8Array,
    timeoutMs: number,
    done: RequestDone,
  ): void {
    const peer = this.#peers.get(address)
    if (peer?.link === undefined) {
      this.#environment.host.nextTurn(() => done('closed', undefined))
      return
    }
    const { host } = this.#environment
    const sentMs = host.monotonicMs()
    const { generation } = peer
    peer.link.request(subject, payload, timeoutMs, (failure, reply) => {
      if (failure === undefined || failure === 'no-responders') this.#heard(peer, generation)
      done(failure, reply)
      if (failure === 'timeout' && peer.generation === generation) this.#dropIfDead(peer, sentMs)
    })
  }

  /** A request to this address went unanswered for the silence limit. */
  markSilent(address: string, sinceMs: number): void {
    const peer = this.#peers.get(address)
    if (peer !== undefined && peer.heardMs <= sinceMs) peer.silent = true
  }

  close(): void {
    this.#closed = true
    this.#started = undefined
    for (const peer of this.#peers.values()) {
      const { link } = peer
      this.#reset(peer)
      link?.close()
    }
  }

  /** Whatever its link still reports is ignored. */
  #reset(peer: Peer): void {
    this.#clearTimer(peer)
    peer.generation += 1
    peer.state = 'closed'
    peer.link = undefined
    peer.wanted = false
  }

  #peer(address: string): Peer {
    let peer = this.#peers.get(address)
    if (peer === undefined) {
      const { random, limits } = this.#environment
      peer = {
        address,
        backoff: new Backoff(random, 'client/reopen', limits.reopenMs),
        state: 'closed',
        link: undefined,
        timer: undefined,
        generation: 0,
        wanted: false,
        heardMs: 0,
        silent: false,
        lastError: undefined,
      }
      this.#peers.set(address, peer)
    }
    return peer
  }

  #open(peer: Peer): void {
    const { opener, host, limits } = this.#environment
    peer.state = 'opening'
    peer.generation += 1
    const { generation } = peer
    const current = () => peer.generation === generation && !this.#closed
    peer.timer = host.setTimer(() => {
      if (!current()) return
      this.#lost(peer, new Error(`not open after ${limits.openTimeoutMs} ms`))
    }, limits.openTimeoutMs)
    opener.open(peer.address, {
      opened: (link) => {
        if (current()) this.#opened(peer, link)
        else link.close()
      },
      failed: (error) => {
        if (current()) this.#lost(peer, error)
      },
      closed: (error) => {
        if (current()) this.#lost(peer, error)
      },
    })
  }

  #opened(peer: Peer, link: Link): void {
    this.#clearTimer(peer)
    peer.state = 'open'
    peer.link = link
    peer.silent = false
    peer.heardMs = this.#environment.host.monotonicMs()
    peer.backoff.reset()
    const { generation } = peer
    link.subscribe(leaderEventSubject, (message) => {
      if (peer.generation !== generation || this.#closed) return
      this.#heard(peer, generation)
      const event = parseJson(message.payload)
      if (!isLeaderEvent(event)) return
      this.#nodes.set(event.node, event.address)
      this.#listener.leaderEvent(event)
    })
    const started = this.#started
    this.#started = undefined
    started?.()
    this.#listener.opened(peer.address)
    this.#keepEnough()
  }

  /** A link that has brought nothing at all for so long is closed: its node hangs or is cut off. */
  #dropIfDead(peer: Peer, sentMs: number): void {
    const { host, limits } = this.#environment
    if (peer.heardMs > sentMs) return
    peer.silent = true
    if (host.monotonicMs() - peer.heardMs < limits.deadLinkMs) return
    const { link } = peer
    this.#lost(peer, new Error('the node does not answer'))
    link?.close()
  }

  #lost(peer: Peer, error: Error | undefined): void {
    const { host } = this.#environment
    this.#clearTimer(peer)
    peer.generation += 1
    peer.state = 'waiting'
    peer.link = undefined
    peer.wanted = false
    peer.lastError = error
    const { generation } = peer
    peer.timer = host.setTimer(() => {
      if (peer.generation !== generation || this.#closed) return
      peer.timer = undefined
      peer.state = 'closed'
      if (peer.wanted) this.#open(peer)
      else this.#keepEnough()
    }, peer.backoff.next())
    if (this.#started !== undefined) {
      this.#startFailed()
      return
    }
    this.#listener.lost(peer.address)
    this.#keepEnough()
  }

  #startFailed(): void {
    const peers = [...this.#peers.values()]
    if (peers.some((peer) => peer.state !== 'waiting' && peer.state !== 'closed')) return
    const tried = peers.map((p) => `${p.address} (${p.lastError?.message ?? 'closed'})`)
    const started = this.#started
    this.#started = undefined
    for (const peer of peers) this.#reset(peer)
    const cause = peers[0]?.lastError
    started?.(new QuorateError('QUORATE_CONNECTION_FAILED', tried.join(', '), { cause }))
  }

  /** Opens further nodes while fewer than wanted are connected; seeds only when nothing else is. */
  #keepEnough(): void {
    if (this.#closed || this.#started !== undefined) return
    const known = [...new Set(this.#nodes.values())]
    const alive = (address: string) => {
      const state = this.#peers.get(address)?.state
      return state === 'open' || state === 'opening'
    }
    let missing = this.#environment.limits.keptLinks - known.filter(alive).length
    const nothingAlive = [...this.#peers.keys()].every((address) => !alive(address))
    const candidates = nothingAlive ? [...new Set([...known, ...this.#seeds])] : known
    const start = this.#environment.random.integer('client/kept-node', candidates.length + 1)
    for (let step = 0; step < candidates.length && missing > 0; step += 1) {
      const peer = this.#peer(candidates[(start + step) % candidates.length]!)
      if (peer.state !== 'closed') continue
      this.#open(peer)
      missing -= 1
    }
  }

  #heard(peer: Peer, generation: number): void {
    if (peer.generation !== generation) return
    peer.heardMs = this.#environment.host.monotonicMs()
    peer.silent = false
  }

  #clearTimer(peer: Peer): void {
    if (peer.timer !== undefined) this.#environment.host.clearTimer(peer.timer)
    peer.timer = undefined
  }
}
