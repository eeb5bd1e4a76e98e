// Damage to the files of one node at a time, between its death and its restart. It strikes only when
// every replica is whole and the node that was damaged before has read all its files since: so every
// record keeps an undamaged copy on a majority, as ../../../../docs/guarantees.md asks for.
import type { Random } from '@quorate/actors'
import type { Step } from '../plan/plan.ts'
import { hasCheckedItself } from './damaged-files.ts'
import { type DamagedRange, damageFile, fileKinds, filesOfKind } from './file-damage.ts'
import type { LocalNode } from './local-node.ts'
import type { NodeKeeper } from './node-keeper.ts'

export const fileFaultNames = ['flip', 'zero', 'truncate', 'delete'] as const
export type FileFault = (typeof fileFaultNames)[number]

/** What it needs of a cluster. */
export interface DamageableCluster {
  node(id: string): Pick<LocalNode, 'data' | 'ended' | 'metric'>
  /** Rejects when something is down, behind or on the move. */
  mustBeWhole(): Promise<void>
  /** Damage a node knows of; undefined when it is not up. */
  damageCount(id: string): Promise<number | undefined>
}

export class FileFaults {
  readonly ranges: (DamagedRange & { readonly node: string })[] = []
  readonly #cluster: DamageableCluster
  readonly #keeper: Pick<NodeKeeper, 'end'>
  readonly #random: Random
  #damaged: { readonly node: string; readonly sinceMs: number } | undefined

  constructor(cluster: DamageableCluster, keeper: Pick<NodeKeeper, 'end'>, random: Random) {
    this.#cluster = cluster
    this.#keeper = keeper
    this.#random = random
  }

  /** The next damage would be within what a cluster survives. */
  async mayStrike(): Promise<boolean> {
    try {
      if (!(await this.isRepaired())) return false
      await this.#cluster.mustBeWhole()
      return true
    } catch {
      return false
    }
  }

  /** What was damaged last is known to be whole again. */
  async isRepaired(): Promise<boolean> {
    if (this.#damaged === undefined) return true
    const { node, sinceMs } = this.#damaged
    if (!(await hasCheckedItself(this.#cluster.node(node), sinceMs))) return false
    if ((await this.#cluster.damageCount(node)) !== 0) return false
    this.#damaged = undefined
    return true
  }

  /** Kills the node and damages a file; gives how to let it come back. Undefined: nothing to damage. */
  async strike(
    fault: FileFault,
    detail: Step['detail'],
    id: string,
  ): Promise<(() => void) | undefined> {
    const node = this.#cluster.node(id)
    const release = this.#keeper.end([id], 'SIGKILL')
    if (release === undefined) return undefined
    await node.ended()
    const file = this.#pick(node.data, detail)
    if (file === undefined) {
      release()
      return undefined
    }
    this.ranges.push({ node: id, ...damageFile(node.data, file, fault, this.#random) })
    this.#damaged = { node: id, sinceMs: Date.now() }
    return release
  }

  #pick(data: string, detail: Step['detail']): string | undefined {
    const wanted = fileKinds.filter((kind) => detail === 'any' || kind === detail)
    const found = wanted.map((kind) => filesOfKind(data, kind)).filter(({ length }) => length > 0)
    if (found.length === 0) return undefined
    const files = found[this.#random.integer('kind', found.length)]!
    return files[this.#random.integer('file', files.length)]
  }
}
