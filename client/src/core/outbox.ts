// What one turn sends: batches by the node they go to, packed into as few requests as fit. Batches
// of a lane stay in order. Lanes that send something again travel apart from the others, because a
// request is answered as a whole: a partition in trouble must not hold up healthy ones.
import { maxWriteItems } from '@quorate/protocol'
import type { Batch } from './batch.ts'

/** Bytes of an item beside its batch; more than the codec needs. */
const itemOverheadBytes = 64

export interface OutgoingRequest {
  readonly address: string
  readonly batches: readonly Batch[]
}

export class Outbox {
  readonly #fresh = new Map<string, Batch[]>()
  readonly #again = new Map<string, Batch[]>()

  /** Everything that one lane sends. */
  add(address: string, batches: readonly Batch[]): void {
    if (batches.length === 0) return
    const again = batches.some((batch) => batch.last !== undefined)
    const byAddress = again ? this.#again : this.#fresh
    const waiting = byAddress.get(address)
    if (waiting === undefined) byAddress.set(address, [...batches])
    else waiting.push(...batches)
  }

  /** A batch larger than the bound travels alone. */
  *requests(maxBytes: number): Iterable<OutgoingRequest> {
    for (const byAddress of [this.#again, this.#fresh]) {
      for (const [address, batches] of byAddress) {
        for (const packed of pack(batches, maxBytes)) yield { address, batches: packed }
      }
    }
  }
}

function pack(batches: readonly Batch[], maxBytes: number): Batch[][] {
  const requests: Batch[][] = []
  let last: Batch[] = []
  let sizeBytes = 0
  for (const batch of batches) {
    const itemBytes = batch.bytes.byteLength + itemOverheadBytes
    const full = sizeBytes + itemBytes > maxBytes || last.length === maxWriteItems
    if (requests.length === 0 || full) {
      last = []
      sizeBytes = 0
      requests.push(last)
    }
    last.push(batch)
    sizeBytes += itemBytes
  }
  return requests
}
