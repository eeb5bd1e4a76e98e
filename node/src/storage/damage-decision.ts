// Decides what a WAL batch that cannot be read means: a write that the crash tore, which nobody was
// promised anything about, or damage to what was synced. The one place of this decision. It holds
// as long as a fault loses or tears only writes whose sync had not returned: then evidence of a
// later batch or a seal means that this one was synced. Knows nothing of files. Caller: recovery.ts.
import { QuorateError } from '@quorate/protocol'

export interface UnreadableBatch {
  readonly path: string
  /** Bytes of the file that should hold it. */
  readonly from: number
  readonly to: number
  readonly batchNumber: number
  readonly reason: string
  /** Number of the first batch or seal after it that can be read: proof that it was synced. */
  readonly provenBy: number | undefined
  /** Groups and indexes that its directory named, as far as a copy is left. */
  readonly held: readonly string[]
}

export type DamageDecision =
  | { readonly decision: 'drop' }
  | { readonly decision: 'damaged'; readonly error: QuorateError }

export function decideUnreadableBatch(batch: UnreadableBatch): DamageDecision {
  const { path, from, to, batchNumber, reason, provenBy, held } = batch
  if (provenBy === undefined) return { decision: 'drop' }
  const what = held.length === 0 ? '' : `, which held ${held.join(', ')}`
  const detail =
    `${path}: bytes ${from}..${to}: batch ${batchNumber}${what}: ${reason}; ` +
    `batch ${provenBy} proves that it was synced`
  return { decision: 'damaged', error: new QuorateError('QUORATE_STORAGE_DAMAGED', detail) }
}
