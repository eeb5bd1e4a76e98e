// `quorate topic`: create, ls, describe, rm.
import type {
  CallSettings,
  CreateTopicOptions,
  ReplicaDescription,
  TopicSummary,
} from '@quorate/client'
import { QuorateError, validTopicName } from '@quorate/protocol'
import { durationMs, durationText, optionalWholeNumber, sizeBytes, sizeText } from './arguments.ts'
import { confirmed } from './confirmed.ts'
import { type OutputFormat, outputFormat, printRows, type Row } from './output.ts'
import { type ClientOptions, withClient } from './session.ts'
import { UsageError } from './usage-error.ts'

const formats = ['table', 'json', 'jsonl'] as const
const unlimited = 'unlimited'

type TopicSettings = Omit<CreateTopicOptions, keyof CallSettings>

interface CreateOptions extends ClientOptions {
  readonly partitions?: string
  readonly replicas?: string
  readonly retention?: string
  readonly retentionBytes?: string
  readonly segmentBytes?: string
}

export async function runCreate(name: string, options: CreateOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  const settings = createSettings(options)
  checkName(name)
  const created = await withClient(options, (client) => client.admin.createTopic(name, settings))
  printRows(format, [summaryRow(format, created)], created)
}

/** Before a connection is made: a wrong name is told also when no node runs. */
function checkName(name: string): void {
  if (!validTopicName(name)) throw new QuorateError('QUORATE_INVALID_TOPIC', JSON.stringify(name))
}

export function createSettings(options: Omit<CreateOptions, keyof ClientOptions>): TopicSettings {
  const { retention, retentionBytes, segmentBytes } = options
  const partitions = optionalWholeNumber('--partitions', options.partitions, 1, 1024)
  const replicas = optionalWholeNumber('--replicas', options.replicas, 1, 5)
  return {
    ...(partitions === undefined ? {} : { partitions }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(retention === undefined ? {} : { retention: bound('--retention', retention, durationMs) }),
    ...(retentionBytes === undefined
      ? {}
      : { retentionBytes: bound('--retention-bytes', retentionBytes, sizeBytes) }),
    ...(segmentBytes === undefined
      ? {}
      : { segmentBytes: sizeBytes('--segment-bytes', segmentBytes) }),
  }
}

function bound(
  flag: string,
  text: string,
  read: (flag: string, text: string) => number,
): number | typeof unlimited {
  return text === unlimited ? unlimited : read(flag, text)
}

export async function runList(options: ClientOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  const topics = await withClient(options, (client) => client.admin.listTopics())
  const rows = topics.map((topic) => summaryRow(format, topic))
  printRows(format, rows, topics)
  if (rows.length === 0) process.stderr.write('no topics; make one: quorate topic create orders\n')
}

/** People get units, programs numbers. */
function summaryRow(format: OutputFormat, topic: TopicSummary): Row {
  if (format !== 'table') return { ...topic }
  const { topic: name, topicId, partitions, replicas, retentionMs, retentionBytes } = topic
  return {
    topic: name,
    id: topicId,
    partitions,
    replicas,
    retention: retentionMs === -1 ? unlimited : durationText(retentionMs),
    retentionBytes: retentionBytes === -1 ? unlimited : sizeText(retentionBytes),
    segmentBytes: sizeText(topic.segmentBytes),
  }
}

export async function runDescribe(name: string, options: ClientOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  checkName(name)
  const topic = await withClient(options, (client) => client.admin.describeTopic(name))
  const rows = topic.partitionStates.flatMap(({ partition, replicas }) =>
    replicas.map((replica) =>
      format === 'table' ? replicaRow(partition, replica) : { partition, ...replica },
    ),
  )
  printRows(format, rows, topic)
}

/** The columns a person needs; JSON has everything. */
function replicaRow(partition: number, replica: ReplicaDescription): Row {
  const state: Partial<Exclude<ReplicaDescription, { role: 'unreachable' }>> =
    replica.role === 'unreachable' ? {} : replica
  return {
    partition,
    node: replica.node,
    role: state.halted === undefined ? replica.role : 'halted',
    term: state.term,
    logStart: state.logStart,
    lastIndex: state.lastIndex,
    commitIndex: state.commitIndex,
    chainAtCommit: state.chainAtCommit,
    startOffset: state.startOffset,
    endOffset: state.endOffset,
  }
}

interface RemoveOptions extends ClientOptions {
  readonly yes?: boolean
}

export async function runRemove(name: string, options: RemoveOptions): Promise<void> {
  const format = outputFormat(options.output, formats)
  checkName(name)
  const undone = `topic ${name} was not removed`
  const question = `remove topic ${name} and all its records?`
  if (options.yes !== true && !(await confirmed(question, name, undone))) {
    throw new UsageError(`${undone}: that is not its name`)
  }
  const removed = await withClient(options, (client) => client.admin.deleteTopic(name))
  printRows(format, [{ ...removed }], removed)
}
