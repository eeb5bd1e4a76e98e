// Bytes of the metadata machine's state: JSON with a version. Equal states have equal bytes: lists
// are sorted and the order of fields in the schemas below is the one the machine makes them in.
// JSON, because it is small, rare and worth reading in a dump. Integrity is the checkpoint file's
// business; here only form is checked.
import { isErrorCode, QuorateError } from '@quorate/protocol'
import { z } from 'zod'
import type { LogProgressState } from '../partition/log-progress.ts'
import { type CommandReply, type MetadataFields, MetadataState } from './state.ts'

const version = 2

const chain = z.strictObject({ high: z.int(), low: z.int() })
const roll = z.strictObject({
  index: z.int(),
  offset: z.int(),
  chain,
  recordsTimeMs: z.int(),
  logBytes: z.int(),
})
const logSchema: z.ZodType<LogProgressState> = z.strictObject({
  applied: z.strictObject({ index: z.int(), term: z.int(), chain }),
  nextOffset: z.int(),
  lastAppendTimeMs: z.int(),
  lastRecordsTimeMs: z.int(),
  logBytes: z.int(),
  logStart: roll,
  rolls: z.array(roll),
  lastRoll: roll,
  openSinceMs: z.int(),
})
const place = z.strictObject({
  nodeId: z.string(),
  replicaId: z.int(),
  sinceIndex: z.exactOptional(z.int()),
})
const places = z.array(place)
const reply: z.ZodType<CommandReply> = z.strictObject({
  error: z.exactOptional(
    z.strictObject({ code: z.string().refine(isErrorCode), detail: z.string() }),
  ),
  topicId: z.exactOptional(z.int()),
  replicaId: z.exactOptional(z.int()),
  firstId: z.exactOptional(z.int()),
  count: z.exactOptional(z.int()),
})
const fieldsSchema: z.ZodType<MetadataFields> = z.strictObject({
  clusterId: z.string(),
  metadataPlaces: z.strictObject({
    voters: places,
    learners: places,
    removing: places,
    changedIndex: z.exactOptional(z.int()),
  }),
  nodes: z.array(
    z.strictObject({
      nodeId: z.string(),
      incarnation: z.string(),
      address: z.string(),
      httpAddress: z.string(),
      leaving: z.boolean(),
      sinceIndex: z.int(),
    }),
  ),
  topics: z.array(
    z.strictObject({
      id: z.int(),
      name: z.string(),
      createdAtMs: z.int(),
      config: z.strictObject({
        retentionMs: z.int(),
        retentionBytes: z.int(),
        segmentBytes: z.int(),
        segmentMs: z.int(),
      }),
      partitions: z.array(
        z.strictObject({
          partition: z.int(),
          replicas: places,
          removing: places,
          changedIndex: z.exactOptional(z.int()),
          first: z.exactOptional(places),
        }),
      ),
    }),
  ),
  tombstones: z.array(
    z.strictObject({
      topicId: z.int(),
      name: z.string(),
      deletedIndex: z.int(),
      replicas: z.array(
        z.strictObject({ partition: z.int(), nodeId: z.string(), replicaId: z.int() }),
      ),
    }),
  ),
  replicaTombstones: z.array(
    z.strictObject({
      topicId: z.int(),
      partition: z.int(),
      nodeId: z.string(),
      replicaId: z.int(),
      deletedIndex: z.int(),
    }),
  ),
  requests: z.array(
    z.strictObject({
      nodeId: z.string(),
      answered: z.array(
        z.strictObject({
          requestId: z.string(),
          index: z.int(),
          reply,
        }),
      ),
    }),
  ),
  nextReplicaId: z.int(),
  nextProducerId: z.int(),
  rebalancing: z.boolean(),
})
const snapshotSchema = z.strictObject({
  version: z.literal(version),
  log: logSchema,
  fields: fieldsSchema,
})

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function encodeMetadata(state: MetadataState, log: LogProgressState): Uint8Array {
  return encoder.encode(JSON.stringify({ version, log, fields: state.fields() }))
}

export function decodeMetadata(bytes: Uint8Array): {
  readonly state: MetadataState
  readonly log: LogProgressState
} {
  const snapshot = upgraded(parse(bytes))
  const found = (snapshot as { version?: unknown } | null)?.version
  if (Number.isSafeInteger(found) && found !== version) {
    throw new QuorateError('QUORATE_FORMAT_VERSION', `metadata state of version ${found}`)
  }
  const checked = snapshotSchema.safeParse(snapshot)
  if (!checked.success) {
    throw new QuorateError('QUORATE_STORAGE_DAMAGED', z.prettifyError(checked.error))
  }
  const { fields, log } = checked.data
  return { state: new MetadataState(fields), log }
}

const firstSchema = z.looseObject({
  version: z.literal(1),
  fields: z.looseObject({
    voters: z.array(z.unknown()),
    nodes: z.array(z.looseObject({})),
    topics: z.array(z.looseObject({ partitions: z.array(z.looseObject({})) })),
  }),
})

/** Version 1 knew no membership changes: the voters of the plan, and nothing on its way. */
function upgraded(snapshot: unknown): unknown {
  const first = firstSchema.safeParse(snapshot)
  if (!first.success) return snapshot
  const { fields, ...rest } = first.data
  const { voters, nodes, topics, ...others } = fields
  return {
    ...rest,
    version,
    fields: {
      ...others,
      metadataPlaces: { voters, learners: [], removing: [] },
      nodes: nodes.map((node) => ({ ...node, leaving: false, sinceIndex: 0 })),
      topics: topics.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((partition) => ({ ...partition, removing: [] })),
      })),
      replicaTombstones: [],
      rebalancing: false,
    },
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new QuorateError('QUORATE_STORAGE_DAMAGED', 'metadata state is no JSON', { cause })
  }
}
