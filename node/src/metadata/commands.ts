// The commands of the metadata log: a closed union and its JSON. A command carries everything it
// does (a placement, not a wish), so `apply` needs no clock and no randomness. Made by
// metadata-request.ts at the leader, applied by machine.ts on every replica. An unknown command or
// field is refused, never skipped: it was written by a newer version.
//
// `requestId` names one request for ever: `<node id>/<anything>`. A proposer that does not know
// what became of its command proposes it again under the same id and gets the first answer.
import { QuorateError } from '@quorate/protocol'
import { z } from 'zod'
import { type MembershipCommand, membershipSchemas } from './membership-commands.ts'
import type { ReplicaPlace } from './places.ts'
import type { TopicConfig } from './topic-config.ts'

export type { ReplicaPlace } from './places.ts'
export type { TopicConfig, TopicConfigInput } from './topic-config.ts'

export interface CreateTopic {
  readonly kind: 'create-topic'
  readonly requestId: string
  readonly name: string
  readonly replicas: number
  readonly config: TopicConfig
  /** Per partition its replicas, the preferred leader first. Ids follow on without a gap. */
  readonly placement: readonly (readonly Omit<ReplicaPlace, 'sinceIndex'>[])[]
}

export interface DeleteTopic {
  readonly kind: 'delete-topic'
  readonly requestId: string
  readonly name: string
  /** 0: whichever topic has the name; else only this one. */
  readonly topicId: number
}

/** A node tells where it is. A node id has one incarnation; another one is refused. */
export interface RegisterNode {
  readonly kind: 'register-node'
  readonly requestId: string
  readonly nodeId: string
  readonly incarnation: string
  /** `host:port` for clients and peers. */
  readonly address: string
  /** `host:port` of its HTTP door, empty when it has none. */
  readonly httpAddress: string
}

export interface SetAddress {
  readonly kind: 'set-address'
  readonly requestId: string
  readonly nodeId: string
  readonly address: string
  readonly httpAddress: string
}

export interface AllocateProducerIds {
  readonly kind: 'allocate-producer-ids'
  readonly requestId: string
  readonly nodeId: string
  readonly count: number
}

/** A node has removed what tombstones told it to remove; when all nodes have, a tombstone goes. */
export interface ConfirmDrop {
  readonly kind: 'confirm-drop'
  readonly requestId: string
  readonly nodeId: string
  readonly topicId: number
  /** This replica alone; absent: all of the node's replicas of a deleted topic. */
  readonly replicaId?: number
}

export type MetadataCommand =
  | CreateTopic
  | DeleteTopic
  | RegisterNode
  | SetAddress
  | AllocateProducerIds
  | ConfirmDrop
  | MembershipCommand

const count = z.int().min(0)
const nodeId = z.string().regex(/^[A-Za-z0-9-]{1,32}$/)
const address = z.string().max(261)
const requestId = z.string().min(1).max(128)
const replicaPlace = z.strictObject({ nodeId, replicaId: count })
const config = z.strictObject({
  retentionMs: z.int(),
  retentionBytes: z.int(),
  segmentBytes: z.int(),
  segmentMs: z.int(),
})

const commandSchema: z.ZodType<MetadataCommand> = z.discriminatedUnion('kind', [
  ...membershipSchemas,
  z.strictObject({
    kind: z.literal('create-topic'),
    requestId,
    name: z.string(),
    replicas: count,
    config,
    placement: z.array(z.array(replicaPlace)),
  }),
  z.strictObject({ kind: z.literal('delete-topic'), requestId, name: z.string(), topicId: count }),
  z.strictObject({
    kind: z.literal('register-node'),
    requestId,
    nodeId,
    incarnation: z.string().regex(/^[0-9a-f]{16}$/),
    address,
    httpAddress: address,
  }),
  z.strictObject({
    kind: z.literal('set-address'),
    requestId,
    nodeId,
    address,
    httpAddress: address,
  }),
  z.strictObject({ kind: z.literal('allocate-producer-ids'), requestId, nodeId, count }),
  z.strictObject({
    kind: z.literal('confirm-drop'),
    requestId,
    nodeId,
    topicId: count,
    replicaId: z.exactOptional(count),
  }),
])

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Throws QUORATE_INVALID_ARGUMENT: what no replica could decode never enters the log. */
export function encodeCommand(command: MetadataCommand): Uint8Array {
  const checked = commandSchema.safeParse(command)
  if (!checked.success) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', z.prettifyError(checked.error))
  }
  return encoder.encode(JSON.stringify(checked.data))
}

/** Throws a plain Error for bytes that are no command of this version. */
export function decodeCommand(bytes: Uint8Array): MetadataCommand {
  const parsed = commandSchema.safeParse(JSON.parse(decoder.decode(bytes)))
  if (!parsed.success) throw new Error(`no metadata command: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
