// Full disks: takes the room of small disks and gives it back. Faults of one disk may overlap: there is
// room again when the last of them is over. Remembers what a full disk excuses.
import type { Random } from '@quorate/actors'
import type { SmallDisk } from './small-disks.ts'

/** Between a node's last look at its full disk and the moment it is missed. */
const excusedMs = 5_000
/** With the larger rest a node can still start. */
const leftBytes: readonly number[] = [0, 512 * 1024]

type Disks = ReadonlyMap<string, Pick<SmallDisk, 'fill' | 'free'>>

export class DiskFaults {
  /** By node. */
  readonly #disks: Disks
  readonly #random: Random
  readonly #filled = new Map<string, number>()
  readonly #freedMs = new Map<string, number>()

  constructor(disks: Disks, random: Random) {
    this.#disks = disks
    this.#random = random
  }

  /** There are disks that can be filled. */
  get any(): boolean {
    return this.#disks.size > 0
  }

  /** Gives how to end it. */
  async strike(nodes: readonly string[]): Promise<() => void> {
    for (const id of nodes) this.#filled.set(id, (this.#filled.get(id) ?? 0) + 1)
    const left = leftBytes[this.#random.integer('left', leftBytes.length)]!
    await Promise.all(nodes.map((id) => this.#disks.get(id)?.fill(left)))
    return () => {
      for (const id of nodes) this.#release(id)
    }
  }

  /** Without any room a node cannot start: docs/how-to/troubleshooting.md. */
  excuses(id: string, words: string): boolean {
    const isFull = (this.#filled.get(id) ?? 0) > 0
    const sinceMs = performance.now() - (this.#freedMs.get(id) ?? Number.NEGATIVE_INFINITY)
    return (isFull || sinceMs < excusedMs) && words.startsWith('QUORATE_DISK_FULL')
  }

  #release(id: string): void {
    const left = this.#filled.get(id)! - 1
    this.#filled.set(id, left)
    if (left > 0) return
    this.#disks.get(id)?.free()
    this.#freedMs.set(id, performance.now())
  }
}
