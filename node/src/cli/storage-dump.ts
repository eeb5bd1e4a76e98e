// `quorate storage dump`: the log entries in the data folder of a stopped node. Changes nothing. A
// line holds only what is the same on every replica, so that dumps of two nodes can be compared
// with `diff`. Topic names come from the node's own replica of the metadata group. Reading and
// checking of files: storage/dump.ts.
import { resolve } from 'node:path'
import { initialMetadata } from '../metadata/initial.ts'
import { MetadataMachine } from '../metadata/machine.ts'
import { createNodeDisk } from '../storage/disk-node.ts'
import { type DumpedGroup, type DumpRow, dumpStorage } from '../storage/dump.ts'
import { type Identity, readIdentitySync } from '../storage/identity.ts'
import { lockDataFolder } from '../storage/lock-node.ts'
import { type GroupId, metadataGroup } from '../storage/log-entry.ts'
import { optionalWholeNumber } from './arguments.ts'
import { Output, outputFormat } from './output.ts'
import { UsageError } from './usage-error.ts'

interface DumpOptions {
  readonly topic?: string
  readonly partition?: string
  readonly output: string
}

/** Name of the metadata group's log, which belongs to no topic. */
const metadataName = '$metadata'

export async function runDump(data: string, options: DumpOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'jsonl'])
  const partition = optionalWholeNumber('--partition', options.partition, 0, 1023)
  if (partition !== undefined && options.topic === undefined) {
    throw new UsageError('--partition needs --topic')
  }
  const folder = resolve(data)
  const lock = await lockDataFolder(folder)
  try {
    await print(folder, format, { topic: options.topic, partition })
  } finally {
    lock.release()
  }
}

async function print(folder: string, format: 'table' | 'jsonl', wanted: Wanted): Promise<void> {
  const disk = createNodeDisk()
  const dump = dumpStorage(disk, folder)
  for (const { event, ...fields } of dump.events) {
    process.stderr.write(`${event} ${JSON.stringify(fields)}\n`)
  }
  const names = topicNames(dump.groups, readIdentitySync(disk, folder))
  const output = new Output()
  const line = async (text: string) => {
    await output.add(Buffer.from(`${text}\n`))
  }
  try {
    if (format === 'table') await line(tableLine(columns.map(([heading]) => heading)))
    for (const group of selectGroups(dump.groups, names, wanted)) {
      const topic = nameOf(group.group, names)
      for (const row of group.rows) {
        const fields = dumpFields(topic, row)
        await line(format === 'jsonl' ? JSON.stringify(fields) : tableLine(cells(fields)))
      }
    }
  } finally {
    await output.flush()
  }
}

export interface DumpFields {
  readonly topic: string
  readonly topicId: number
  readonly partition: number
  readonly index: number
  readonly term: number
  readonly type: string
  /** As the leader's clock said, in UTC. */
  readonly appendTime: string
  readonly chain: string
  readonly payloadCrc: string
  readonly payloadBytes: number
  /** `null` for an entry without records. */
  readonly baseOffset: number | null
}

export function dumpFields(topic: string, row: DumpRow): DumpFields {
  const { group, index, term, type, chain, payloadCrc, payloadBytes, baseOffset } = row
  return {
    topic,
    topicId: group.topicId,
    partition: group.partition,
    index,
    term,
    type,
    appendTime: new Date(row.appendTimeMs).toISOString(),
    chain,
    payloadCrc,
    payloadBytes,
    baseOffset: baseOffset < 0 ? null : baseOffset,
  }
}

/** Widths are fixed: a dump may be larger than memory and is printed as it is read. */
const columns: readonly (readonly [heading: string, width: number, field: keyof DumpFields])[] = [
  ['TOPIC', 20, 'topic'],
  ['PARTITION', 9, 'partition'],
  ['INDEX', 9, 'index'],
  ['TERM', 5, 'term'],
  ['TYPE', 9, 'type'],
  ['APPEND-TIME', 24, 'appendTime'],
  ['CHAIN', 16, 'chain'],
  ['PAYLOAD-CRC', 11, 'payloadCrc'],
  ['PAYLOAD-BYTES', 13, 'payloadBytes'],
  ['BASE-OFFSET', 11, 'baseOffset'],
]

function cells(fields: DumpFields): string[] {
  return columns.map(([, , field]) => String(fields[field] ?? '-'))
}

function tableLine(texts: readonly string[]): string {
  return texts
    .map((text, column) => text.padEnd(columns[column]![1]))
    .join('  ')
    .trimEnd()
}

export interface Wanted {
  /** Name or id. */
  readonly topic: string | undefined
  readonly partition: number | undefined
}

/** By topic id; a name used again stands at several ids. */
export type TopicNames = ReadonlyMap<number, string>

export function selectGroups(
  groups: readonly DumpedGroup[],
  names: TopicNames,
  { topic, partition }: Wanted,
): readonly DumpedGroup[] {
  if (topic === undefined) return groups
  const byName = [...names].filter(([, name]) => name === topic).map(([id]) => id)
  // A topic may be called 7: names come first, as everywhere else.
  const ids = byName.length > 0 || !/^\d+$/.test(topic) ? byName : [Number(topic)]
  const found = groups.filter(
    ({ group }) =>
      ids.includes(group.topicId) && (partition === undefined || group.partition === partition),
  )
  if (found.length === 0) {
    const which = partition === undefined ? topic : `${topic} --partition ${partition}`
    const known = [...new Set(groups.map(({ group }) => nameOf(group, names)))].join(', ')
    throw new UsageError(`--topic ${which} is not on this node, which has ${known}`)
  }
  return found
}

function nameOf({ topicId }: GroupId, names: TopicNames): string {
  return names.get(topicId) ?? `#${topicId}`
}

/** Also of topics that were deleted: their files may be here still. */
function topicNames(groups: readonly DumpedGroup[], { plan }: Identity): TopicNames {
  const names = new Map([[metadataGroup.topicId, metadataName]])
  const metadata = groups.find(({ group }) => group.topicId === metadataGroup.topicId)
  if (metadata === undefined) return names
  try {
    const state = metadata.checkpoint?.state
    const machine = state === undefined ? initialMetadata(plan) : MetadataMachine.restore(state)
    for (const topic of machine.topics()) names.set(topic.id, topic.name)
    for (const entry of metadata.entries()) {
      if (entry.index <= machine.applied.index) continue
      const { change } = machine.apply(entry)
      if (change?.kind === 'topic-created') names.set(change.topic.id, change.topic.name)
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`names of some topics are not known: ${message}\n`)
  }
  return names
}
