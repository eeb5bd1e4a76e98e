// Damage to a simulated disk, as plain JSON: to bytes at rest, to names, to one read or one write.
// Total: nothing happens when the target is gone or would not change. Positions that are not given
// are drawn. Damage at rest hits what is synced and clean pages of the cache alike; a page that still
// waits for its sync covers it. Which files there are to aim at: damageable-files.ts.
import { type SimulatedContent, sectorBytes } from './simulated-content.ts'
import type { SimulatedDisk } from './simulated-disk.ts'
import { FolderNode } from './simulated-tree.ts'

const blockBytes = 4096

export type DiskDamage =
  /** Other bits at rest; one bit, anywhere in what is written, by default. */
  | { readonly kind: 'flip'; readonly path: string; readonly at?: number; readonly bits?: number }
  /** Zeros at rest; one block of 4 KiB by default. */
  | {
      readonly kind: 'zero'
      readonly path: string
      readonly from?: number
      readonly byteLength?: number
    }
  /** The end of the file is gone. */
  | { readonly kind: 'truncate'; readonly path: string; readonly to?: number }
  /** The name is gone; a process that has the file open goes on with it. */
  | { readonly kind: 'delete'; readonly path: string }
  /** No damage yet: keeps what is synced now for a later `stale`. */
  | { readonly kind: 'remember'; readonly path: string }
  /** The file is as it was at the last `remember` of its path. */
  | { readonly kind: 'stale'; readonly path: string }
  /** The two names stand for each other's contents. */
  | { readonly kind: 'swap'; readonly path: string; readonly with: string }
  /** The next reads give one wrong bit each; what is at rest stays good. */
  | { readonly kind: 'flip-read'; readonly path: string; readonly times?: number }
  /** The next read gives another block of the same file; what is at rest stays good. */
  | { readonly kind: 'misdirect-read'; readonly path: string }
  /** The next write succeeds and lands at another block of the same file. */
  | { readonly kind: 'misdirect'; readonly path: string }
  /** No damage to what is synced: after a failed sync the cache forgets what it did not write. */
  | { readonly kind: 'drop-cache'; readonly path: string }

/** What was done, and where. */
export interface DamageDone {
  readonly kind: DiskDamage['kind']
  readonly path: string
  readonly from: number
  readonly to: number
}

export class SimulatedDamage {
  /** Everything that changed bytes or names so far. */
  readonly done: DamageDone[] = []
  readonly #disk: SimulatedDisk
  readonly #purpose: string
  readonly #remembered = new Map<string, Uint8Array>()
  readonly #readsToFlip = new Map<string, number>()
  readonly #misdirected = new Set<string>()
  readonly #readsToMisdirect = new Set<string>()

  constructor(disk: SimulatedDisk) {
    this.#disk = disk
    this.#purpose = `${disk.name}/damage`
  }

  /** Undefined when nothing changed, or when the damage waits for a read or a write. */
  apply(damage: DiskDamage): DamageDone | undefined {
    const content = this.#contentOf(damage.path)
    if (content === undefined) return undefined
    switch (damage.kind) {
      case 'flip':
        return this.#flip(damage, content)
      case 'zero':
        return this.#zero(damage, content)
      case 'truncate':
        return this.#truncate(damage, content)
      case 'delete':
        this.#disk.tree.lose(damage.path)
        return this.#note(damage, 0, content.syncedSize)
      case 'stale':
        return this.#replace(damage, content, this.#remembered.get(damage.path))
      case 'swap':
        return this.#swap(damage, content)
      default:
        return this.#prepare(damage, content)
    }
  }

  /** Reads and writes that were to go wrong go well again. */
  forget(): void {
    this.#readsToFlip.clear()
    this.#misdirected.clear()
    this.#readsToMisdirect.clear()
  }

  /** A read or a write is to go wrong. */
  get pending(): boolean {
    return this.#readsToFlip.size + this.#misdirected.size + this.#readsToMisdirect.size > 0
  }

  /** For the process disk: where a read really reads. */
  placeOfRead(path: string, position: number, byteLength: number, size: number): number {
    if (!this.#readsToMisdirect.has(path)) return position
    const blocks = Math.floor(size / blockBytes)
    const turn = 1 + this.#draw(Math.max(blocks - 1, 1))
    const block = (Math.floor(position / blockBytes) + turn) % Math.max(blocks, 1)
    const place = block * blockBytes + (position % blockBytes)
    // The device gives as many bytes as it was asked for.
    if (place === position || place + byteLength > size) return position
    this.#readsToMisdirect.delete(path)
    return place
  }

  /** For the process disk: damages what was read. */
  ofRead(path: string, into: Uint8Array, bytesRead: number): void {
    const left = this.#readsToFlip.get(path)
    if (left === undefined || bytesRead === 0) return
    if (left === 1) this.#readsToFlip.delete(path)
    else this.#readsToFlip.set(path, left - 1)
    const at = this.#draw(bytesRead)
    into[at] = into[at]! ^ (1 << this.#draw(8))
  }

  /** For the process disk: where a write lands. */
  placeOfWrite(path: string, position: number, byteLength: number, size: number): number {
    if (!this.#misdirected.delete(path)) return position
    const blocks = Math.ceil(size / blockBytes)
    const offset = position % blockBytes
    const block = Math.floor(position / blockBytes)
    const place = (block + 1 + this.#draw(Math.max(blocks - 1, 1))) % Math.max(blocks, 2)
    const landed = place * blockBytes + offset
    // The file does not grow by it: the size is the file system's, which did nothing wrong.
    if (landed === position || landed + byteLength > size) return position
    this.done.push({ kind: 'misdirect', path, from: position, to: position + byteLength })
    this.done.push({ kind: 'misdirect', path, from: landed, to: landed + byteLength })
    return landed
  }

  #prepare(damage: DiskDamage, content: SimulatedContent): undefined {
    switch (damage.kind) {
      case 'remember':
        this.#remembered.set(damage.path, content.synced())
        return
      case 'flip-read':
        this.#readsToFlip.set(damage.path, damage.times ?? 1)
        return
      case 'misdirect-read':
        this.#readsToMisdirect.add(damage.path)
        return
      case 'misdirect':
        this.#misdirected.add(damage.path)
        return
      case 'drop-cache':
        content.dropCache()
        return
    }
  }

  #flip(
    damage: Extract<DiskDamage, { kind: 'flip' }>,
    content: SimulatedContent,
  ): DamageDone | undefined {
    const written = writtenBytes(content)
    const at = damage.at ?? (written === 0 ? 0 : this.#draw(written))
    if (at >= content.syncedSize) return undefined
    // Different bits of neighbouring bytes: an even number of flips of one bit would be none.
    const bits = Math.min(damage.bits ?? 1, 8 * (content.syncedSize - at))
    const first = this.#draw(8)
    const byteLength = Math.ceil(bits / 8)
    content.damage(at, byteLength, (bytes) => {
      for (let bit = 0; bit < bits; bit += 1) {
        const byte = Math.floor(bit / 8)
        bytes[byte] = bytes[byte]! ^ (1 << ((first + bit) % 8))
      }
    })
    return this.#note(damage, at, at + byteLength)
  }

  #zero(
    damage: Extract<DiskDamage, { kind: 'zero' }>,
    content: SimulatedContent,
  ): DamageDone | undefined {
    const blocks = Math.max(Math.ceil(writtenBytes(content) / blockBytes), 1)
    const from = damage.from ?? this.#draw(blocks) * blockBytes
    const to = Math.min(from + (damage.byteLength ?? blockBytes), content.syncedSize)
    let changed = false
    content.damage(from, to - from, (bytes) => {
      changed = bytes.some((byte) => byte !== 0)
      bytes.fill(0)
    })
    return changed ? this.#note(damage, from, to) : undefined
  }

  #truncate(
    damage: Extract<DiskDamage, { kind: 'truncate' }>,
    content: SimulatedContent,
  ): DamageDone | undefined {
    const bytes = content.synced()
    if (bytes.byteLength === 0) return undefined
    const to = damage.to ?? this.#draw(bytes.byteLength)
    if (to >= bytes.byteLength) return undefined
    content.replace(bytes.subarray(0, to))
    return this.#note(damage, to, bytes.byteLength)
  }

  #swap(
    damage: Extract<DiskDamage, { kind: 'swap' }>,
    content: SimulatedContent,
  ): DamageDone | undefined {
    const other = this.#contentOf(damage.with)
    if (other === undefined || other === content) return undefined
    const bytes = content.synced()
    const done = this.#replace(damage, content, other.synced())
    if (done !== undefined) other.replace(bytes)
    return done
  }

  #replace(
    damage: DiskDamage,
    content: SimulatedContent,
    bytes: Uint8Array | undefined,
  ): DamageDone | undefined {
    if (bytes === undefined || same(bytes, content.synced())) return undefined
    content.replace(bytes)
    return this.#note(damage, 0, bytes.byteLength)
  }

  #note({ kind, path }: DiskDamage, from: number, to: number): DamageDone {
    const done = { kind, path, from, to }
    this.#disk.note(`${kind} ${path} ${from}-${to}`)
    this.done.push(done)
    return done
  }

  /** The file whose name is synced, or will be. */
  #contentOf(path: string): SimulatedContent | undefined {
    const { tree } = this.#disk
    const found = tree.findSynced(path) ?? tree.find(path)
    return found instanceof FolderNode ? undefined : found
  }

  #draw(bound: number): number {
    return this.#disk.random.integer(this.#purpose, bound)
  }
}

/** Up to the end of the last sector that is not all zeros: a WAL file is mostly prepared space. */
function writtenBytes(content: SimulatedContent): number {
  const bytes = content.synced()
  const last = bytes.findLastIndex((byte) => byte !== 0)
  return Math.min(Math.ceil((last + 1) / sectorBytes) * sectorBytes, bytes.byteLength)
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && one.every((byte, at) => byte === other[at])
}
