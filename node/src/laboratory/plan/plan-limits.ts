// Limits that a plan may make tiny, so that queues are full, batches small and answers short in ordinary
// traffic. Each is off unless a plan names it. What is drawn is legal: one item always fits, so a
// cluster without faults makes progress under all of them together. cluster.ts and the simulated clients
// hand them to the product, whose defaults they replace.

/** Absent: the product's default, or the laboratory's where it is named. */
export interface PlanLimits {
  /** Messages that wait in the mailbox of one link of the mesh. */
  readonly linkMessagesMax?: number
  /** Bytes that wait for one link of the mesh; an empty link takes any one item. */
  readonly linkBytesMax?: number
  /** Entry bytes on their way to one peer; one entry may be larger. */
  readonly inflightBytesMax?: number
  /** Bytes of one piece of a snapshot. */
  readonly snapshotChunkBytes?: number
  /** Segment files that a node keeps open for reading. */
  readonly openFilesMax?: number
  /** Background reads and writes under way. */
  readonly backgroundIoMax?: number
  /** Payload of one WAL batch; a larger request is cut. */
  readonly walBatchBytesMax?: number
  /** Bytes waiting for the WAL from which on writes are refused. */
  readonly pendingBytesMax?: number
  /** Record batches in one answer to a fetch; one batch may be larger. */
  readonly fetchBytes?: number
  /** Of one batch of a producer. Default 16 KiB. */
  readonly batchBytes?: number
  /** Fetched and not yet taken, of each reader. Default 4 MiB. */
  readonly readerBufferBytes?: number
}

export type LimitName = keyof PlanLimits

const gibibyte = 1024 * 1024 * 1024

export const limitRanges: {
  readonly [Name in LimitName]-?: readonly [min: number, max: number]
} = {
  // A round of heartbeats of all groups fits.
  linkMessagesMax: [32, 1_000_000],
  linkBytesMax: [4096, gibibyte],
  inflightBytesMax: [1, gibibyte],
  snapshotChunkBytes: [64, gibibyte],
  openFilesMax: [1, 10_000],
  backgroundIoMax: [1, 64],
  walBatchBytesMax: [4096, gibibyte],
  pendingBytesMax: [1, gibibyte],
  fetchBytes: [1, gibibyte],
  batchBytes: [512, 512 * 1024],
  readerBufferBytes: [1, gibibyte],
}

export const limitNames = Object.keys(limitRanges) as readonly LimitName[]

/** What is drawn of each. */
export const tinyLimits: Required<PlanLimits> = {
  linkMessagesMax: 32,
  linkBytesMax: 4096,
  inflightBytesMax: 1,
  snapshotChunkBytes: 256,
  openFilesMax: 1,
  backgroundIoMax: 1,
  walBatchBytesMax: 4096,
  pendingBytesMax: 2048,
  fetchBytes: 600,
  batchBytes: 600,
  readerBufferBytes: 1024,
}

/** Those of some names that a plan sets, as options of the product have them: none is undefined. */
export function limitsOf<const Name extends LimitName>(
  limits: PlanLimits,
  ...names: readonly Name[]
): { readonly [Each in Name]?: number } {
  const entries = names.map((name) => [name, limits[name]] as const)
  const set = entries.filter(([, value]) => value !== undefined)
  return Object.fromEntries(set) as { readonly [Each in Name]?: number }
}
