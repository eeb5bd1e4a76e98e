// Bytes of one simulated file, twice: the page cache, which readers see, and what is synced, which
// a power loss leaves. Between them stand the sectors written and not yet synced, with their older
// versions: a power loss keeps any one of them, sector by sector. Knows nothing of names.
import type { Random } from '@quorate/actors'

export const sectorBytes = 512
/** Older versions of an unsynced sector that a power loss may bring back. */
const olderMax = 2

interface Version {
  readonly bytes: Uint8Array
  readonly sequence: number
}

interface Dirty {
  /** Of the write that made what the cache holds. */
  sequence: number
  /** Contents that later unsynced writes replaced, oldest first; absent while there are none. */
  older: Version[] | undefined
}

export class SimulatedContent {
  #cache = new Uint8Array(0)
  #synced = new Uint8Array(0)
  #dirty = new Map<number, Dirty>()
  #size = 0
  #syncedSize = 0

  get size(): number {
    return this.#size
  }

  /** Bytes that a power loss cannot take. */
  synced(): Uint8Array {
    return this.#synced.slice(0, this.#syncedSize)
  }

  get syncedSize(): number {
    return this.#syncedSize
  }

  read(into: Uint8Array, position: number): number {
    return copyOut(this.#cache, this.#size, into, position)
  }

  readSynced(into: Uint8Array, position: number): number {
    return copyOut(this.#synced, this.#syncedSize, into, position)
  }

  /** Into the page cache. `sequence` orders writes and syncs. */
  write(bytes: Uint8Array, position: number, sequence: number): void {
    if (bytes.byteLength === 0) return
    const end = position + bytes.byteLength
    this.#cache = grown(this.#cache, end)
    const last = sectorOf(end - 1)
    for (let sector = sectorOf(position); sector <= last; sector += 1) {
      this.#markDirty(sector, sequence)
    }
    this.#cache.set(bytes, position)
    this.#size = Math.max(this.#size, end)
  }

  /** Everything written up to `sequence` reaches the platter; later writes stay unsynced. */
  sync(sequence: number): void {
    this.#synced = grown(this.#synced, this.#size)
    // Sectors of one write stand in a row: they are copied together.
    let runStart = 0
    let runEnd = 0
    for (const [sector, dirty] of this.#dirty) {
      if (dirty.sequence > sequence) {
        this.#settleOlder(sector, dirty, sequence)
        continue
      }
      this.#dirty.delete(sector)
      if (sector !== runEnd) {
        this.#settle(runStart, runEnd)
        runStart = sector
      }
      runEnd = sector + 1
    }
    this.#settle(runStart, runEnd)
    this.#syncedSize = Math.max(this.#syncedSize, this.#size)
  }

  /** A write and its sync in one: only the sectors of this range. */
  writeDurable(bytes: Uint8Array, position: number): void {
    if (bytes.byteLength === 0) return
    const end = position + bytes.byteLength
    this.#cache = grown(this.#cache, end)
    this.#cache.set(bytes, position)
    this.#size = Math.max(this.#size, end)
    const first = sectorOf(position)
    const last = sectorOf(end - 1)
    if (this.#dirty.size > 0) {
      for (let sector = first; sector <= last; sector += 1) this.#dirty.delete(sector)
    }
    this.#synced = grown(this.#synced, end)
    this.#settle(first, last + 1)
    this.#syncedSize = Math.max(this.#syncedSize, end)
  }

  /** After a failed sync the kernel holds the pages for clean: they are lost with the cache. */
  forgetDirty(): void {
    this.#dirty.clear()
  }

  /** The kernel needs the memory: clean pages are read from the platter from now on. */
  dropCache(): void {
    this.#synced = grown(this.#synced, this.#size)
    const sectors = Math.ceil(this.#size / sectorBytes)
    for (let sector = 0; sector < sectors; sector += 1) {
      if (!this.#dirty.has(sector)) this.#cacheSynced(sector)
    }
  }

  /** Damages what is synced; a reader sees it but where a later write waits for its sync. */
  damage(position: number, byteLength: number, change: (bytes: Uint8Array) => void): void {
    const end = Math.min(position + byteLength, this.#syncedSize)
    if (end <= position) return
    change(this.#synced.subarray(position, end))
    const last = sectorOf(end - 1)
    for (let sector = sectorOf(position); sector <= last; sector += 1) {
      if (!this.#dirty.has(sector)) this.#cacheSynced(sector)
    }
  }

  /** The file is these bytes and was never anything else. */
  replace(bytes: Uint8Array): void {
    this.#cache = bytes.slice()
    this.#synced = bytes.slice()
    this.#dirty = new Map()
    this.#size = bytes.byteLength
    this.#syncedSize = bytes.byteLength
  }

  /** Each unsynced sector survives, or an older version of it, or what was synced before. */
  losePower(random: Random, purpose: string, survivePercent: number): void {
    const size = this.#survivingSize(random, purpose, survivePercent)
    this.#synced = grown(this.#synced, size)
    for (const [sector, dirty] of this.#dirty) {
      if (sector * sectorBytes >= size) continue
      if (random.integer(purpose, 100) >= survivePercent) continue
      const older = dirty.older ?? []
      const versions = [...older.map(({ bytes }) => bytes), this.#cached(sector)]
      this.#setSynced(sector, versions[random.integer(purpose, versions.length)]!)
    }
    this.#syncedSize = size
    this.#synced.fill(0, size)
    this.#cache = this.#synced.slice()
    this.#size = size
    this.#dirty = new Map()
  }

  #survivingSize(random: Random, purpose: string, survivePercent: number): number {
    const grownBy = this.#size - this.#syncedSize
    if (grownBy <= 0 || random.integer(purpose, 100) >= survivePercent) return this.#syncedSize
    return this.#syncedSize + random.integer(purpose, grownBy + 1)
  }

  #markDirty(sector: number, sequence: number): void {
    const dirty = this.#dirty.get(sector)
    if (dirty === undefined) {
      this.#dirty.set(sector, { sequence, older: undefined })
      return
    }
    const version = { bytes: this.#cached(sector), sequence: dirty.sequence }
    dirty.sequence = sequence
    if (dirty.older === undefined) dirty.older = [version]
    else if (dirty.older.push(version) > olderMax) dirty.older.shift()
  }

  /** Of a sector that was written again meanwhile: the newest version that the sync covers. */
  #settleOlder(sector: number, { older = [] }: Dirty, sequence: number): void {
    const settled = older.findLastIndex((version) => version.sequence <= sequence)
    if (settled === -1) return
    this.#setSynced(sector, older[settled]!.bytes)
    older.splice(0, settled + 1)
  }

  /** What the cache holds of these sectors is synced. */
  #settle(first: number, end: number): void {
    const from = first * sectorBytes
    const bytes = this.#cache.subarray(from, end * sectorBytes)
    this.#synced = grown(this.#synced, from + bytes.byteLength)
    this.#synced.set(bytes, from)
  }

  #cached(sector: number): Uint8Array {
    return this.#cache.slice(sector * sectorBytes, (sector + 1) * sectorBytes)
  }

  #cacheSynced(sector: number): void {
    const from = sector * sectorBytes
    const to = Math.min(from + sectorBytes, this.#size)
    this.#cache.set(this.#synced.subarray(from, to), from)
  }

  #setSynced(sector: number, bytes: Uint8Array): void {
    this.#synced = grown(this.#synced, sector * sectorBytes + bytes.byteLength)
    this.#synced.set(bytes, sector * sectorBytes)
  }
}

function sectorOf(position: number): number {
  return Math.floor(position / sectorBytes)
}

function copyOut(from: Uint8Array, size: number, into: Uint8Array, position: number): number {
  const length = Math.max(Math.min(into.byteLength, size - position), 0)
  into.set(from.subarray(position, position + length))
  return length
}

/** At least so long; zeros behind what was there. */
function grown(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength >= length) return bytes
  const larger = new Uint8Array(Math.max(length, bytes.byteLength * 2))
  larger.set(bytes)
  return larger
}
