// Does the damages of a plan to the disks of a cluster, each only after the atlas has said what it
// would cost: within the bound, or, in a plan that means to break it, beyond; never one that no disk
// would show. Draws the file and the place; fault-table.ts says what there is, atlas.ts what may be.
import {
  type DamageableFile,
  type DamageableKind,
  damageableFiles,
  damageableKinds,
} from '../../simulation/damageable-files.ts'
import { type DiskImage, intactCopies, syncedImage } from '../../simulation/intact-copies.ts'
import type { DiskDamage } from '../../simulation/simulated-damage.ts'
import type { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { FaultAtlas } from './atlas.ts'
import type { SimulatedCluster } from './cluster.ts'
import { type EntryDamageName, type LostEntry, pickEntry } from './damage-entry.ts'
import { dataFolder, type SimulatedNode } from './simulated-node.ts'

/** A read that goes wrong; the file is good. */
export type ReadDamageName = 'flip-read' | 'misdirect-read' | 'fail-read'

/** Damages that a plan may name. */
export type DamageName =
  | 'flip'
  | 'zero'
  | 'truncate'
  | 'delete'
  | 'stale'
  | 'swap'
  | ReadDamageName
  | 'lose-disk'
  | EntryDamageName

export interface Damaged {
  readonly node: string
  readonly kind: DamageName
  readonly path: string
  readonly atMs: number
}

const sectorBytes = 512
const walHeaderBytes = 4096
const zeroBytes: readonly number[] = [512, 4096, 16_384, 65_536]

export class Damages {
  readonly atlas = new FaultAtlas()
  readonly done: Damaged[] = []
  /** Damages that were left out because of what they would have cost. */
  refused = 0
  /** What goes beyond the bound, in the atlas's words. */
  readonly beyond: string[] = []
  /** Committed entries of which no disk holds a whole copy any more. */
  readonly lost: LostEntry[] = []
  readonly #cluster: SimulatedCluster
  readonly #profile: 'within' | 'beyond'
  /** Bytes of files as they were, for `stale`: by node and path. */
  readonly #remembered = new Map<string, Uint8Array>()

  constructor(cluster: SimulatedCluster, profile: 'within' | 'beyond') {
    this.#cluster = cluster
    this.#profile = profile
    cluster.mayStop = (node) => this.mayStop(node)
    cluster.tailKnown = (node, group) => this.atlas.recovered(node, group)
  }

  /** Whether the damage done so far may end the node, or stop one of its replicas. */
  mayStop(node: string): boolean {
    if (this.atlas.out.has(node)) return true
    return this.beyond.length > 0 && this.done.some((each) => each.node === node)
  }

  counts(): Partial<Record<DamageName | 'refused', number>> {
    const counts: Partial<Record<DamageName | 'refused', number>> = {}
    for (const { kind } of this.done) counts[kind] = (counts[kind] ?? 0) + 1
    if (this.refused > 0) counts.refused = this.refused
    return counts
  }

  /** Keeps a file for a later `stale` of the same purpose, and says which. */
  remember(node: SimulatedNode, kind: string, purpose: string): string | undefined {
    const file = this.#pick(node.disk, kind, purpose)
    if (file === undefined) return undefined
    this.#remembered.set(`${node.name} ${file.path}`, syncedImage(node.disk).bytes(file.path)!)
    node.disk.damage.apply({ kind: 'remember', path: file.path })
    return file.path
  }

  /** True when bytes have changed. `path`: of a file that was remembered. */
  strike(
    node: SimulatedNode,
    name: Exclude<DamageName, ReadDamageName | EntryDamageName>,
    kind: string,
    purpose: string,
    path?: string,
  ): boolean {
    this.look()
    if (name === 'lose-disk') return this.#loseAll(node)
    const damage = this.#draw(node, name, kind, purpose, path)
    if (damage === undefined || this.#isGrowing(node, damage.path)) return false
    const after = intactCopies(this.#damagedImage(node, damage), dataFolder)
    if (!this.#mayBe(node.name, this.atlas.judge(node.name, after))) return false
    if (node.disk.damage.apply(damage) === undefined) return false
    this.atlas.accept(node.name, intactCopies(syncedImage(node.disk), dataFolder))
    this.#note(node.name, name, damage.path)
    return true
  }

  /**
   * Chooses a file whose next read may go wrong: to the node that is as if the file were lost.
   * Undefined when it may not. Never a WAL file that no manifest names yet: nobody reads it, and what
   * is read under its name later is another file, or holds what nobody has judged.
   */
  spoilRead(
    node: SimulatedNode,
    name: ReadDamageName,
    kind: string,
    purpose: string,
  ): string | undefined {
    this.look()
    const file = this.#pick(node.disk, kind, purpose)
    if (file === undefined) return undefined
    const { path } = file
    if (file.kind === 'wal') {
      const { walFiles } = intactCopies(syncedImage(node.disk), dataFolder)
      if (!walFiles.has(file.number!)) return undefined
    }
    const after = intactCopies(this.#damagedImage(node, { kind: 'delete', path }), dataFolder)
    if (!this.#mayBe(node.name, this.atlas.judge(node.name, after))) return undefined
    this.atlas.accept(node.name, after)
    this.#note(node.name, name, path)
    return path
  }

  /**
   * One committed entry of the partition is damaged wherever it lies, on all disks or on a quorum; no
   * process may run. True when bytes have changed.
   */
  spoilEntry(name: EntryDamageName, number: number, purpose: string): boolean {
    this.look()
    const { nodes, topic } = this.#cluster
    const group = this.#cluster.keyOf(number)
    if (topic === undefined || group === undefined || this.#profile !== 'beyond') return false
    const partition = number % topic.members.length
    const draw = (what: string, bound: number) => this.#integer(`${purpose}/${what}`, bound)
    const spoiled = pickEntry(this.atlas, nodes, { group, partition, name }, draw)
    if (spoiled === undefined) return false
    for (const [node, damages] of spoiled.damages) {
      for (const damage of damages) {
        node.disk.damage.apply(damage)
        this.#note(node.name, name, damage.path)
      }
      const after = intactCopies(syncedImage(node.disk), dataFolder)
      const verdict = this.atlas.judge(node.name, after)
      if (verdict.kind !== 'within') this.beyond.push(verdict.why)
      this.atlas.accept(node.name, after)
    }
    const { entry, everywhere } = spoiled
    this.#cluster.trace('damage.entry', { name, ...entry })
    if (everywhere) this.lost.push(entry)
    return true
  }

  /** Committed entries of the partitions that no disk holds now, whatever took them. */
  bare(): readonly Pick<LostEntry, 'group' | 'partition' | 'index'>[] {
    this.look()
    const { partitions } = this.#cluster.plan.workload
    return Array.from({ length: partitions }, (_, partition) => partition).flatMap((partition) => {
      const group = this.#cluster.keyOf(partition)
      if (group === undefined) return []
      return this.atlas.bareOf(group).map((index) => ({ group, partition, index }))
    })
  }

  /** Tells the atlas what the disks hold now. */
  look(): void {
    const { nodes } = this.#cluster
    this.atlas.look(
      new Map(nodes.map(({ name, disk }) => [name, intactCopies(syncedImage(disk), dataFolder)])),
    )
  }

  #mayBe(node: string, verdict: ReturnType<FaultAtlas['judge']>): boolean {
    if (verdict.kind === 'within') return true
    const wanted = verdict.kind === 'beyond' && this.#profile === 'beyond'
    this.#cluster.trace('damage.judged', { node, ...verdict, wanted })
    if (wanted) this.beyond.push(verdict.why)
    else this.refused += 1
    return wanted
  }

  #loseAll(node: SimulatedNode): boolean {
    const after = intactCopies({ bytes: () => undefined }, dataFolder)
    if (!this.#mayBe(node.name, this.atlas.judge(node.name, after))) return false
    node.disk.tree.lose(dataFolder)
    this.atlas.accept(node.name, after)
    this.#note(node.name, 'lose-disk', dataFolder)
    return true
  }

  #note(node: string, kind: DamageName, path: string): void {
    this.done.push({ node, kind, path, atMs: this.#cluster.simulation.nowMs })
    this.#cluster.simulation.note(`damage ${node} ${kind} ${path}`)
    this.#cluster.trace('damage', { node, kind, path })
  }

  #pick(disk: SimulatedDisk, kind: string, purpose: string): DamageableFile | undefined {
    const wanted = isKind(kind) ? [kind] : undefined
    const files = damageableFiles(disk, dataFolder).filter((file) =>
      wanted === undefined ? file.kind !== 'secret' : wanted.includes(file.kind),
    )
    return files[this.#integer(`${purpose}/file`, Math.max(files.length, 1))]
  }

  #draw(
    { name: node, disk, running }: SimulatedNode,
    name: Exclude<DamageName, 'lose-disk' | ReadDamageName | EntryDamageName>,
    kind: string,
    purpose: string,
    remembered: string | undefined,
  ): DiskDamage | undefined {
    if (name === 'stale') {
      const known = remembered !== undefined && this.#remembered.has(`${node} ${remembered}`)
      return known ? { kind: 'stale', path: remembered } : undefined
    }
    const file = this.#pick(disk, kind, purpose)
    if (file === undefined) return undefined
    const { path } = file
    const at = this.#place(disk, path, purpose)
    if (running && !isAccountable(name, file, at)) return undefined
    switch (name) {
      case 'flip':
        return { kind: 'flip', path, at, bits: 1 }
      case 'zero': {
        const from = Math.floor(at / sectorBytes) * sectorBytes
        const byteLength = zeroBytes[this.#integer(`${purpose}/zeros`, zeroBytes.length)]!
        return { kind: 'zero', path, from, byteLength }
      }
      case 'truncate':
        return { kind: 'truncate', path, to: at }
      case 'delete':
        return { kind: 'delete', path }
      case 'swap': {
        const others = damageableFiles(disk, dataFolder).filter(
          (each) => each.path !== path && each.kind.slice(0, 4) === file.kind.slice(0, 4),
        )
        const other = others[this.#integer(`${purpose}/other`, Math.max(others.length, 1))]
        return other === undefined ? undefined : { kind: 'swap', path, with: other.path }
      }
    }
  }

  /** A byte of a sector that holds something: most of a WAL file is prepared space. */
  #place(disk: SimulatedDisk, path: string, purpose: string): number {
    const bytes = syncedImage(disk).bytes(path)!
    const written: number[] = []
    for (let from = 0; from < bytes.byteLength; from += sectorBytes) {
      if (bytes.subarray(from, from + sectorBytes).some((byte) => byte !== 0)) written.push(from)
    }
    const from = written[this.#integer(`${purpose}/sector`, Math.max(written.length, 1))] ?? 0
    const within = Math.min(sectorBytes, bytes.byteLength - from)
    return from + this.#integer(`${purpose}/byte`, Math.max(within, 1))
  }

  /**
   * Of a segment that a running node still writes, the WAL has a good copy, but goes away when the
   * segment is whole, and nobody reads it through then: damage of today would be a loss of tomorrow.
   */
  #isGrowing({ disk, running }: SimulatedNode, path: string): boolean {
    if (!running) return false
    const file = damageableFiles(disk, dataFolder).find((each) => each.path === path)
    if (file?.kind !== 'segment') return false
    const { replicas } = intactCopies(syncedImage(disk), dataFolder)
    const replica = replicas.get(`${file.group}.${file.replicaId}`)
    return replica !== undefined && !replica.segments.has(file.number!)
  }

  #damagedImage({ name: node, disk }: SimulatedNode, damage: DiskDamage): DiskImage {
    const image = syncedImage(disk)
    const changed = (path: string): Uint8Array | undefined => {
      const bytes = image.bytes(path)
      if (bytes === undefined) return undefined
      switch (damage.kind) {
        case 'flip':
          bytes[damage.at!] = bytes[damage.at!]! ^ 1
          return bytes
        case 'zero':
          return bytes.fill(0, damage.from, damage.from! + damage.byteLength!)
        case 'truncate':
          return bytes.subarray(0, damage.to)
        case 'stale':
          return this.#remembered.get(`${node} ${path}`)
        case 'swap':
          return image.bytes(path === damage.path ? damage.with : damage.path)
        default:
          return undefined
      }
    }
    const others = damage.kind === 'swap' ? damage.with : damage.path
    return {
      bytes: (path) =>
        path === damage.path || path === others ? changed(path) : image.bytes(path),
    }
  }

  #integer(purpose: string, bound: number): number {
    return this.#cluster.simulation.random.integer(`damage/${purpose}`, bound)
  }
}

/**
 * Under a running process, damage must not spoil what is written later: nobody could account for it.
 * Such are the names of files that are written to, and what every later batch of a file depends on.
 */
function isAccountable(name: DamageName, { kind }: DamageableFile, at: number): boolean {
  const isWritten = kind === 'wal' || kind === 'segment' || kind.startsWith('hard')
  if (name === 'swap' || name === 'delete' || name === 'truncate') return !isWritten
  return kind !== 'wal' || at >= walHeaderBytes
}

function isKind(text: string): text is DamageableKind {
  return (damageableKinds as readonly string[]).includes(text)
}
