// What is wrong with the simulated network at this moment: which paths are held, how slow they are,
// who refuses connections, and how often each kind of fault took effect. A path leads from one host
// to another; the way back is another path. Knows nothing of links and bytes: simulated-link.ts asks
// it before each step, simulated-network.ts changes it.

import { textHash } from '@quorate/actors/testing'

export const networkFaults = [
  /** A path is cut: bytes and new connections wait; links break after a while. */
  'cut',
  /** A host is cut off from all others. */
  'isolate',
  /** Bytes are held back for a while, and lost never. */
  'stall',
  /** Bytes take longer than usual. */
  'delay',
  /** Bytes take their time: the path carries few of them. */
  'slow',
  /** Bytes arrive in arbitrary pieces. */
  'split',
  /** A connection was refused though somebody listens. */
  'refuse',
  /** A link was reset. */
  'reset',
  /** Bytes under way were cut off by a reset or a crash: a part of them arrived. */
  'half-sent',
  /** A link ended because the path was cut for too long. */
  'broken',
  /** A host with links crashed. */
  'crash',
  /** A message between nodes never arrived, though its link lasted: message-faults.ts. */
  'message-lost',
  /** A message was held back, and others overtook it. */
  'message-late',
  /** Messages arrived in another order than they were sent in. */
  'message-reordered',
  /** A message arrived twice. */
  'message-twice',
  /** A message arrived again much later. */
  'message-replayed',
  /** A message arrived again when half a minute and more had passed. */
  'message-replayed-old',
] as const
export type NetworkFault = (typeof networkFaults)[number]

/** One fault from its start to its end; it counts once, and only if something met it. */
export interface FaultEpisode {
  readonly kind: NetworkFault
  effective: boolean
}

export interface DelaySetting {
  /** Added to each segment's latency. */
  readonly extraMs: number
  /** Up to this much more, drawn for each segment. */
  readonly jitterMs: number
}

/** The way from one host to another: one object for as long as the network lives. */
export class NetworkPath {
  readonly from: string
  readonly to: string
  /** `network/FROM>TO`, before the names of its draws. */
  readonly purpose: string
  readonly latencyPurpose: string
  readonly splitPurpose: string
  /** Stands for it in the hash of the run. */
  readonly hash: number
  cut: FaultEpisode | undefined
  stall: FaultEpisode | undefined
  slow: { readonly bytesPerMs: number; readonly episode: FaultEpisode } | undefined
  delay: { readonly setting: DelaySetting; readonly episode: FaultEpisode } | undefined
  split: { readonly perMille: number; readonly episode: FaultEpisode } | undefined
  /** When what was sent before has left. */
  freeAtMs = 0

  constructor(from: string, to: string) {
    this.from = from
    this.to = to
    this.purpose = `network/${from}>${to}`
    this.latencyPurpose = `${this.purpose}/latency`
    this.splitPurpose = `${this.purpose}/split`
    this.hash = textHash(this.purpose)
  }

  /** Ends cut, stall, slowness, delay and split. */
  heal(): void {
    this.cut = undefined
    this.stall = undefined
    this.slow = undefined
    this.delay = undefined
    this.split = undefined
  }
}

export class NetworkFaults {
  readonly counters: Record<NetworkFault, number>
  /** By source, then by destination. */
  readonly #paths = new Map<string, Map<string, NetworkPath>>()
  readonly #isolated = new Map<string, FaultEpisode>()
  readonly #refusing = new Map<string, FaultEpisode>()

  constructor() {
    this.counters = Object.fromEntries(networkFaults.map((kind) => [kind, 0])) as Record<
      NetworkFault,
      number
    >
  }

  path(from: string, to: string): NetworkPath {
    let paths = this.#paths.get(from)
    if (paths === undefined) {
      paths = new Map()
      this.#paths.set(from, paths)
    }
    let path = paths.get(to)
    if (path === undefined) {
      path = new NetworkPath(from, to)
      paths.set(to, path)
    }
    return path
  }

  /** Paths that carry few bytes. */
  slowPaths(): NetworkPath[] {
    const paths = [...this.#paths.values()].flatMap((each) => [...each.values()])
    return paths.filter(({ slow }) => slow !== undefined)
  }

  /** Why nothing gets over the path now; undefined when it is free. */
  holding({ from, to, cut, stall }: NetworkPath): FaultEpisode | undefined {
    if (cut !== undefined) return cut
    if (this.#isolated.size > 0 && from !== to) {
      const isolated = this.#isolated.get(from) ?? this.#isolated.get(to)
      if (isolated !== undefined) return isolated
    }
    return stall
  }

  refusing(host: string): FaultEpisode | undefined {
    return this.#refusing.get(host)
  }

  isolate(host: string): void {
    if (!this.#isolated.has(host)) this.#isolated.set(host, episode('isolate'))
  }

  rejoin(host: string): void {
    this.#isolated.delete(host)
  }

  refuse(host: string, refuses: boolean): void {
    if (!refuses) this.#refusing.delete(host)
    else if (!this.#refusing.has(host)) this.#refusing.set(host, episode('refuse'))
  }

  /** Everything but what already happened is undone. */
  clear(): void {
    for (const paths of this.#paths.values()) for (const path of paths.values()) path.heal()
    this.#isolated.clear()
    this.#refusing.clear()
  }

  tookEffect(fault: FaultEpisode): void {
    if (fault.effective) return
    fault.effective = true
    this.count(fault.kind)
  }

  count(kind: NetworkFault): void {
    this.counters[kind] += 1
  }
}

export function episode(kind: NetworkFault): FaultEpisode {
  return { kind, effective: false }
}
