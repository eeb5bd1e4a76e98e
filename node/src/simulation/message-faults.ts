// Faults of single messages between nodes, by kind: lost, late, out of order, twice, or again much
// later. TCP alone does none of this while a link lasts, but links that break and are dialled again
// come close, and Raft has to stand all of it. mesh/tap.ts says what may be done to what; items that
// rely on their link are left alone. Deterministic: every draw is keyed. Decides nothing about when:
// the laboratory does.
import type { Random } from '@quorate/actors'
import { type EventOwner, eventClass } from '@quorate/actors/testing'
import type { MeshItem } from '../mesh/frame-codec.ts'
import type { MeshTap } from '../mesh/tap.ts'
import type { FaultEpisode, NetworkFault, NetworkFaults } from './network-faults.ts'
import type { NetworkScheduler } from './simulated-link.ts'

/** What a fault is aimed at, as plans name it; each with the types of items it means. */
export const messageKinds = {
  any: undefined,
  votes: ['vote-request', 'vote-reply', 'timeout-now'],
  appends: ['append'],
  'append-replies': ['append-reply'],
  heartbeats: ['heartbeat'],
  'heartbeat-replies': ['heartbeat-reply'],
  snapshots: ['snapshot', 'snapshot-reply'],
  repairs: ['hole-request', 'hole-reply', 'fence-passed', 'quarantine'],
  requests: ['request'],
  replies: ['reply'],
} as const satisfies Readonly<Record<string, readonly string[] | undefined>>
export type MessageKind = keyof typeof messageKinds

export type MessageFault = Extract<NetworkFault, `message-${string}`>

export interface MessageRule {
  readonly fault: MessageFault
  readonly kind: MessageKind
  /** Whether it concerns what this node sends to that one. */
  readonly concerns: (from: string, to: string) => boolean
  readonly episode: FaultEpisode
}

/** Of ten messages that a rule concerns, how many it hits. */
const hitsOfTen: Readonly<Record<MessageFault, number>> = {
  'message-lost': 7,
  'message-late': 10,
  'message-reordered': 5,
  'message-twice': 5,
  'message-replayed': 2,
  'message-replayed-old': 2,
}
const lateMs = { least: 80, span: 400 } as const
const reorderMs = 40
const twiceMs = 20
/** Short enough for the same term, long enough for another leader, or another life of a process. */
const replayMenuMs: readonly number[] = [300, 1_000, 4_000, 10_000, 30_000]
/** Longer than any time-out of a node or a client. */
const oldMenuMs: readonly number[] = [31_000, 45_000, 60_000]

export class MessageFaults {
  readonly #scheduler: NetworkScheduler
  readonly #random: Random
  readonly #faults: NetworkFaults
  readonly #rules = new Set<MessageRule>()
  /** How an item of one node is handed to the life of another that heard from it last. */
  readonly #latest = new Map<string, Receiver>()
  /** Copies of an earlier time of faults are not delivered any more. */
  #faultTime = 0

  constructor(scheduler: NetworkScheduler, random: Random, faults: NetworkFaults) {
    this.#scheduler = scheduler
    this.#random = random
    this.#faults = faults
  }

  /** In force until `end` or `healAll`. */
  begin(rule: MessageRule): void {
    this.#rules.add(rule)
  }

  /** Copies that are to arrive again later still do. */
  end(rule: MessageRule): void {
    this.#rules.delete(rule)
  }

  /** Ends every rule; copies that were to arrive again do not. What is late still arrives. */
  healAll(): void {
    this.#rules.clear()
    this.#faultTime += 1
  }

  /** For one life of a node. */
  tap(node: string, owner: EventOwner): MeshTap {
    return {
      received: (from, item, deliver) => {
        const path = `${from}>${node}`
        this.#latest.set(path, { deliver, owner })
        if (this.#rules.size === 0) deliver(item)
        else this.#receive({ from, to: node, path, owner }, item, deliver)
      },
    }
  }

  #receive(
    { from, to, path, owner }: Route,
    item: MeshItem,
    deliver: (item: MeshItem) => void,
  ): void {
    const type = typeOf(item)
    let isLost = false
    let delayMs = 0
    for (const rule of this.#rules) {
      if (!concerns(rule, item, type) || !rule.concerns(from, to)) continue
      const { fault } = rule
      const purpose = `message/${path}/${fault}`
      if (this.#random.integer(purpose, 10) >= hitsOfTen[fault]) continue
      if (fault === 'message-replayed-old') {
        // It has no effect before the copy arrives, and none at all when faults end before.
        const afterMs = oldMenuMs[this.#random.integer(purpose, oldMenuMs.length)]!
        this.#again(path, item, afterMs, () => this.#took(rule, path, type))
        continue
      }
      this.#took(rule, path, type)
      if (fault === 'message-lost') isLost = true
      else if (fault === 'message-late')
        delayMs += lateMs.least + this.#drawMs(purpose, lateMs.span)
      else if (fault === 'message-reordered') delayMs += this.#drawMs(purpose, reorderMs)
      else if (fault === 'message-twice') this.#again(path, item, this.#drawMs(purpose, twiceMs))
      else
        this.#again(path, item, replayMenuMs[this.#random.integer(purpose, replayMenuMs.length)]!)
    }
    if (isLost) return
    if (delayMs === 0) deliver(item)
    else this.#at(delayMs, () => deliver(item), owner)
  }

  /** Once more, to whichever life of the node is there then. */
  #again(path: string, item: MeshItem, afterMs: number, arrives = (): void => {}): void {
    const faultTime = this.#faultTime
    const run = (): void => {
      if (faultTime !== this.#faultTime) return
      arrives()
      const { deliver, owner } = this.#latest.get(path)!
      this.#at(0, () => deliver(item), owner)
    }
    this.#at(afterMs, run, undefined)
  }

  #took(rule: MessageRule, path: string, type: string): void {
    this.#faults.tookEffect(rule.episode)
    this.#scheduler.note(`${rule.fault} ${path} ${type}`)
  }

  #drawMs(purpose: string, spanMs: number): number {
    // Whole microseconds, as latencies are.
    return this.#random.integer(`${purpose}/ms`, spanMs * 1000) / 1000
  }

  #at(delayMs: number, run: () => void, owner: EventOwner | undefined): void {
    this.#scheduler.at(this.#scheduler.nowMs + delayMs, eventClass.network, run, owner)
  }
}

/** A life of a node. */
interface Receiver {
  readonly deliver: (item: MeshItem) => void
  readonly owner: EventOwner
}

interface Route {
  readonly from: string
  readonly to: string
  readonly path: string
  readonly owner: EventOwner
}

function typeOf(item: MeshItem): string {
  return item.type === 'raft' ? item.message.type : item.type
}

/** Of these the receiver gets an item more than once. */
const repeating: ReadonlySet<MessageFault> = new Set<MessageFault>([
  'message-twice',
  'message-replayed',
  'message-replayed-old',
])

/** Whether the rule may touch the item at all, and is meant for its kind. */
function concerns({ fault, kind }: MessageRule, item: MeshItem, type: string): boolean {
  if (item.type === 'message' || item.type === 'actor') return false
  if (item.type === 'request' && repeating.has(fault)) return false
  const types: readonly string[] | undefined = messageKinds[kind]
  return types === undefined || types.includes(type)
}
