// Keeps the nodes of a cluster in the state that faults want: down, standing still or running. A node
// that nobody wants down is started again, as a supervisor would, also one that ended by itself; that
// is remembered. Faults of one node may overlap: it comes back when the last of them is over.
import type { DiskFaults } from './disk-faults.ts'
import type { LocalNode } from './local-node.ts'
import type { PlannedCluster } from './planned-cluster.ts'

/** A node that ended and nobody had ended it. */
export interface OwnEnd {
  readonly node: string
  /** What it had to say since its start. */
  readonly words: string
  /** A fault explains it. */
  readonly excused: boolean
}

const lookEveryMs = 50
/** For nodes that ended by themselves. */
const restartAfterMs = 1_000
const wordsMax = 500

export class NodeKeeper {
  readonly ownEnds: OwnEnd[] = []
  readonly #cluster: PlannedCluster
  readonly #disks: DiskFaults
  /** By node: how long its words were when it was started. */
  readonly #said = new Map<string, number>()
  /** By node: how many faults want it down, or standing still. */
  readonly #down = new Map<string, number>()
  readonly #paused = new Map<string, number>()
  /** Told to end, and not started since. */
  readonly #ending = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  readonly #starting = new Set<string>()
  #stopped = false

  constructor(cluster: PlannedCluster, disks: DiskFaults) {
    this.#cluster = cluster
    this.#disks = disks
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const node of this.#cluster.nodes) void this.#look(node)
    }, lookEveryMs)
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  /** Ends those that run; gives how to let them come back. Undefined: none of them ran. */
  end(ids: readonly string[], signal: 'SIGKILL' | 'SIGTERM'): (() => void) | undefined {
    const nodes = this.#running(ids)
    if (nodes.length === 0) return undefined
    for (const node of nodes) {
      add(this.#down, node.id, 1)
      this.#ending.add(node.id)
      node.signal(signal)
    }
    return () => {
      for (const { id } of nodes) add(this.#down, id, -1)
    }
  }

  pause(ids: readonly string[]): (() => void) | undefined {
    const nodes = this.#running(ids)
    if (nodes.length === 0) return undefined
    for (const node of nodes) {
      add(this.#paused, node.id, 1)
      node.signal('SIGSTOP')
    }
    return () => {
      for (const node of nodes) {
        add(this.#paused, node.id, -1)
        if (this.#paused.get(node.id) === 0 && node.running) node.signal('SIGCONT')
      }
    }
  }

  #remember(node: LocalNode): void {
    const { id } = node
    const words = node
      .lastWords()
      .slice(this.#said.get(id) ?? 0)
      .trimStart()
    this.ownEnds.push({
      node: id,
      words: words.slice(0, wordsMax),
      excused: this.#disks.excuses(id, words),
    })
  }

  #running(ids: readonly string[]): LocalNode[] {
    return ids.map((id) => this.#cluster.node(id)).filter((node) => node.running)
  }

  async #look(node: LocalNode): Promise<void> {
    const { id } = node
    if (node.running || this.#starting.has(id)) return
    if ((this.#down.get(id) ?? 0) > 0) return
    this.#starting.add(id)
    try {
      await node.ended()
      if (!this.#ending.delete(id)) {
        this.#remember(node)
        await new Promise((resolve) => setTimeout(resolve, restartAfterMs))
      }
      // Another fault may have come meanwhile.
      if ((this.#down.get(id) ?? 0) > 0 || this.#stopped) return
      this.#said.set(id, node.lastWords().length)
      node.start()
    } finally {
      this.#starting.delete(id)
    }
  }
}

function add(counts: Map<string, number>, id: string, number: number): void {
  counts.set(id, (counts.get(id) ?? 0) + number)
}
