// What is wrong with the simulated network at this moment: which paths are held, how slow they are,
// who refuses connections, and how often each kind of fault took effect. A path leads from one host
// to another; the way back is another path. Knows nothing of links and bytes: simulated-link.ts asks
// it before each step, simulated-network.ts changes it.

export const networkFaults = [
  /** A path is cut: bytes and new connections wait; links break after a while. */
  'cut',
  /** A host is cut off from all others. */
  'isolate',
  /** Bytes are held back for a while, and lost never. */
  'stall',
  /** Bytes take longer than usual. */
  'delay',
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

interface PathFaults {
  cut?: FaultEpisode | undefined
  stall?: FaultEpisode | undefined
  delay?: { readonly setting: DelaySetting; readonly episode: FaultEpisode } | undefined
  split?: { readonly perMille: number; readonly episode: FaultEpisode } | undefined
}

export class NetworkFaults {
  readonly counters: Record<NetworkFault, number>
  readonly #paths = new Map<string, PathFaults>()
  readonly #isolated = new Map<string, FaultEpisode>()
  readonly #refusing = new Map<string, FaultEpisode>()

  constructor() {
    this.counters = Object.fromEntries(networkFaults.map((kind) => [kind, 0])) as Record<
      NetworkFault,
      number
    >
  }

  path(from: string, to: string): PathFaults {
    const key = `${from}>${to}`
    let path = this.#paths.get(key)
    if (path === undefined) {
      path = {}
      this.#paths.set(key, path)
    }
    return path
  }

  /** Why nothing gets from one host to the other now; undefined when the path is free. */
  holding(from: string, to: string): FaultEpisode | undefined {
    const path = this.#paths.get(`${from}>${to}`)
    if (path?.cut !== undefined) return path.cut
    if (from !== to) {
      const isolated = this.#isolated.get(from) ?? this.#isolated.get(to)
      if (isolated !== undefined) return isolated
    }
    return path?.stall
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
    this.#paths.clear()
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
