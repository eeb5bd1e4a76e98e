// Bounds the entries of all groups that are held in memory: the oldest go first, whatever group
// they belong to. Only entries that are committed and on disk may go, so a group without a quorum
// keeps its tail. Knows nothing of what entries hold.
import type { NodeProbe } from '../probes.ts'
import type { GroupLogState } from './group-log.ts'

interface Share {
  readonly log: GroupLogState
  bytes: number
}

/** Shares that had to stay, looked at in one call. */
const attemptsMax = 16

export class EntryCache {
  readonly #bytesMax: number
  readonly #probe: NodeProbe
  #shares: Share[] = []
  #taken = 0
  #bytes = 0

  constructor(bytesMax: number, probe: NodeProbe) {
    this.#bytesMax = bytesMax
    this.#probe = probe
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Entries of so many bytes were added to the log's memory. */
  added(log: GroupLogState, bytes: number): void {
    if (bytes === 0) return
    this.#bytes += bytes
    this.#shares.push({ log, bytes })
  }

  /** Entries left the log's memory by truncation or with the whole replica. */
  removed(bytes: number): void {
    this.#bytes -= bytes
  }

  trim(): void {
    let attempts = 0
    const bytesMax = this.#probe.provoke('storage.cache-emptied') ? 0 : this.#bytesMax
    while (this.#bytes > bytesMax && attempts < attemptsMax) {
      const share = this.#shares[this.#taken]
      if (share === undefined) return
      this.#taken += 1
      if (!this.#evict(share)) {
        attempts += 1
        this.#shares.push(share)
      }
      this.#compact()
    }
  }

  /** False when entries of the share must stay for now. */
  #evict(share: Share): boolean {
    const { log } = share
    while (share.bytes > 0 && log.cachedBytes > 0) {
      const freed = log.evictOldest()
      if (freed === 0) return false
      share.bytes -= freed
      this.#bytes -= freed
    }
    return true
  }

  #compact(): void {
    if (this.#taken < 1024 || this.#taken * 2 < this.#shares.length) return
    this.#shares = this.#shares.slice(this.#taken)
    this.#taken = 0
  }
}
