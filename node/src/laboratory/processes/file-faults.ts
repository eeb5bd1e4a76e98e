// Damage to the files of one node at a time, between its death and its restart. It strikes only when
// every replica is whole and the node that was damaged before has read all its files since: so every
// record keeps an undamaged copy on a majority, as ../../../../docs/guarantees.md asks for.
import type { Random } from '@quorate/actors'
import type { Client } from '@quorate/client'
import type { Step } from '../plan/plan.ts'
import { mustBeComplete } from './complete.ts'
import { hasCheckedItself } from './damaged-files.ts'
import { type DamagedRange, damageFile, fileKinds, filesOfKind } from './file-damage.ts'
import type { NodeKeeper } from './node-keeper.ts'
import type { PlannedCluster } from './planned-cluster.ts'

export const fileFaultNames = ['flip', 'zero', 'truncate', 'delete'] as const
export type FileFault = (typeof fileFaultNames)[number]

export interface FileFaultsPlace {
  readonly cluster: PlannedCluster
  readonly client: Client
  readonly topic: string
  readonly keeper: NodeKeeper
  readonly random: Random
}

export class FileFaults {
  readonly ranges: (DamagedRange & { readonly node: string })[] = []
  readonly #place: FileFaultsPlace
  #damaged: { readonly node: string; readonly sinceMs: number } | undefined

  constructor(place: FileFaultsPlace) {
    this.#place = place
  }

  /** The next damage would be within what a cluster survives. */
  async mayStrike(): Promise<boolean> {
    const { cluster, client, topic } = this.#place
    try {
      if (!(await this.isRepaired())) return false
      await mustBeComplete(cluster, client, [topic])
      return true
    } catch {
      return false
    }
  }

  /** What was damaged last is known to be whole again. */
  async isRepaired(): Promise<boolean> {
    if (this.#damaged === undefined) return true
    const { node, sinceMs } = this.#damaged
    const { cluster, client } = this.#place
    if (!(await hasCheckedItself(cluster.node(node), sinceMs))) return false
    const { nodes } = await client.admin.clusterStatus()
    const found = nodes.find((each) => each.node === node)
    if (found?.up !== true || found.damageCount > 0) return false
    this.#damaged = undefined
    return true
  }

  /** Kills the node and damages a file; gives how to let it come back. Undefined: nothing to damage. */
  async strike(
    fault: FileFault,
    detail: Step['detail'],
    id: string,
  ): Promise<(() => void) | undefined> {
    const { cluster, keeper } = this.#place
    const node = cluster.node(id)
    const release = keeper.end([id], 'SIGKILL')
    if (release === undefined) return undefined
    await node.ended()
    const file = this.#pick(node.data, detail)
    if (file === undefined) {
      release()
      return undefined
    }
    this.ranges.push({ node: id, ...damageFile(node.data, file, fault, this.#place.random) })
    this.#damaged = { node: id, sinceMs: Date.now() }
    return release
  }

  #pick(data: string, detail: Step['detail']): string | undefined {
    const { random } = this.#place
    const wanted = fileKinds.filter((kind) => detail === 'any' || kind === detail)
    const kinds = wanted.filter((kind) => filesOfKind(data, kind).length > 0)
    const kind = kinds[random.integer('kind', Math.max(1, kinds.length))]
    if (kind === undefined) return undefined
    const files = filesOfKind(data, kind)
    return files[random.integer('file', files.length)]
  }
}
