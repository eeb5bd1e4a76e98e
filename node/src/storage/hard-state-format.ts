// The hard-state files in bytes. hard.A and hard.B hold the same pairs of 512-byte slots: one pair
// for each replica on the node, and pair 0 for the node itself. A change goes to the slot of the
// pair that does not hold the newest state, in A first and, once A is synced, in B. Pure codec and
// formatting; the layout stands in docs/reference/storage-format.md. Writer: hard-state.ts; reader:
// hard-state-recovery.ts.
import { crc32c, readUint64, viewOf, writeUint64 } from '@quorate/protocol'
import type { Configuration, HardState } from '@quorate/raft'
import { writeNewFileSync } from './checked-text.ts'
import type { Disk } from './disk.ts'
import { formatVersion } from './format-version.ts'
import type { GroupId } from './log-entry.ts'
import type { WalIdentity } from './wal-file.ts'
import { blockBytes, readHex, writeHex } from './wal-format.ts'

export const slotBytes = 512
export const pairBytes = 2 * slotBytes
/** Pairs added at a time, written as zeros before the first of them is used. */
export const pairsPerExtent = 64
export const extentBytes = pairsPerExtent * pairBytes
export const nodePair = 0

const headerMagic = 0x5148_5244
const slotMagic = 0x5148_534c
const membersFrom = 88
const membersMax = (slotBytes - membersFrom) / 8
const tailUnknownFlag = 1

export interface HardStateRecord {
  readonly group: GroupId
  readonly replicaId: number
  readonly hardState: HardState
  readonly configuration: Configuration
  /** Log position of the entry that set the configuration; 0 for the first one. */
  readonly configurationIndex: number
  readonly configurationTerm: number
  /** Entries that were promised may be missing at the end of the log. */
  readonly tailUnknown: boolean
}

export type SlotContent =
  | { readonly kind: 'replica'; readonly record: HardStateRecord }
  /** The replica was dropped; the pair may be given to another one. */
  | { readonly kind: 'free' }
  /** Term and vote of this replica are lost: it never runs again, and its pair is kept for it. */
  | { readonly kind: 'amnesiac'; readonly group: GroupId; readonly replicaId: number }
  | { readonly kind: 'node'; readonly executedIndex: number }

export interface Slot {
  /** Rises by one with each change of the pair; its parity names the slot. */
  readonly sequence: number
  /** CRC of the state before. */
  readonly previousCrc: number
  readonly content: SlotContent
  readonly crc: number
}

const kinds = { replica: 1, free: 2, node: 3, amnesiac: 4 } as const

export function hardStatePaths(folder: string): readonly [string, string] {
  return [`${folder}/hard.A`, `${folder}/hard.B`]
}

export function slotPosition(pair: number, sequence: number): number {
  return blockBytes + pair * pairBytes + (sequence % 2) * slotBytes
}

export function encodeSlot(
  sequence: number,
  previousCrc: number,
  content: SlotContent,
): { bytes: Uint8Array; crc: number } {
  const bytes = new Uint8Array(slotBytes)
  const view = viewOf(bytes)
  view.setUint32(0, slotMagic)
  view.setUint8(8, kinds[content.kind])
  view.setUint32(12, previousCrc)
  writeUint64(view, 16, sequence)
  if (content.kind === 'node') writeUint64(view, 64, content.executedIndex)
  if (content.kind === 'replica') writeReplica(view, content.record)
  if (content.kind === 'amnesiac') writeName(view, content)
  const crc = crc32c(bytes.subarray(8))
  view.setUint32(4, crc)
  return { bytes, crc }
}

interface ReplicaName {
  readonly group: GroupId
  readonly replicaId: number
}

function writeName(view: DataView, { group, replicaId }: ReplicaName): void {
  writeUint64(view, 24, group.topicId)
  view.setUint32(32, group.partition)
  writeUint64(view, 40, replicaId)
}

function readName(view: DataView): ReplicaName {
  const group = { topicId: readUint64(view, 24), partition: view.getUint32(32) }
  return { group, replicaId: readUint64(view, 40) }
}

function writeReplica(view: DataView, record: HardStateRecord): void {
  const { voters, outgoing = [], learners = [] } = record.configuration
  const members = [...voters, ...outgoing, ...learners]
  if (members.length > membersMax) throw new Error(`${members.length} members do not fit`)
  writeName(view, record)
  view.setUint8(9, outgoing.length)
  view.setUint8(10, learners.length)
  view.setUint8(11, record.tailUnknown ? tailUnknownFlag : 0)
  view.setUint32(36, voters.length)
  writeUint64(view, 48, record.hardState.term)
  writeUint64(view, 56, record.hardState.votedFor)
  writeUint64(view, 72, record.configurationIndex)
  writeUint64(view, 80, record.configurationTerm)
  members.forEach((member, position) => {
    writeUint64(view, membersFrom + position * 8, member)
  })
}

/** `empty`: zeros, never written. `bad`: torn or damaged. */
export function decodeSlot(bytes: Uint8Array): Slot | 'empty' | 'bad' {
  const view = viewOf(bytes)
  if (view.getUint32(0) === 0 && isZero(bytes)) return 'empty'
  const crc = crc32c(bytes.subarray(8, slotBytes))
  if (view.getUint32(0) !== slotMagic || view.getUint32(4) !== crc) return 'bad'
  const content = decodeContent(view)
  if (content === undefined) return 'bad'
  return { sequence: readUint64(view, 16), previousCrc: view.getUint32(12), content, crc }
}

/** A start looks at hundreds of slots, and most were never written. */
function isZero(bytes: Uint8Array): boolean {
  for (let position = 0; position < bytes.byteLength; position += 1) {
    if (bytes[position] !== 0) return false
  }
  return true
}

function decodeContent(view: DataView): SlotContent | undefined {
  switch (view.getUint8(8)) {
    case kinds.free:
      return { kind: 'free' }
    case kinds.node:
      return { kind: 'node', executedIndex: readUint64(view, 64) }
    case kinds.replica:
      return { kind: 'replica', record: readReplica(view) }
    case kinds.amnesiac:
      return { kind: 'amnesiac', ...readName(view) }
    default:
      return undefined
  }
}

function readReplica(view: DataView): HardStateRecord {
  const counts = [view.getUint32(36), view.getUint8(9), view.getUint8(10)] as const
  let position = membersFrom
  const [voters, outgoing, learners] = counts.map((count) => {
    const members: number[] = []
    for (let each = 0; each < count && position < slotBytes; each += 1, position += 8) {
      members.push(readUint64(view, position))
    }
    return members
  }) as [number[], number[], number[]]
  return {
    ...readName(view),
    hardState: { term: readUint64(view, 48), votedFor: readUint64(view, 56) },
    configuration: {
      voters,
      ...(outgoing.length === 0 ? {} : { outgoing }),
      ...(learners.length === 0 ? {} : { learners }),
    },
    configurationIndex: readUint64(view, 72),
    configurationTerm: readUint64(view, 80),
    tailUnknown: (view.getUint8(11) & tailUnknownFlag) !== 0,
  }
}

export function encodeHeader(letter: 'A' | 'B', identity: WalIdentity): Uint8Array {
  const block = new Uint8Array(blockBytes)
  const view = viewOf(block)
  view.setUint32(0, headerMagic)
  view.setUint32(8, formatVersion)
  view.setUint8(12, letter.charCodeAt(0))
  writeHex(view, 16, identity.clusterId)
  writeHex(view, 24, identity.incarnation)
  view.setUint32(4, crc32c(block.subarray(8)))
  return block
}

/** `letter`: of this node, and the other of its two files. */
export type HeaderFault = 'unreadable' | 'version' | 'foreign' | 'letter'

export function checkHardStateHeader(
  block: Uint8Array,
  letter: 'A' | 'B',
  identity: WalIdentity,
): HeaderFault | undefined {
  const view = viewOf(block)
  if (view.getUint32(0) !== headerMagic || view.getUint32(4) !== crc32c(block.subarray(8))) {
    return 'unreadable'
  }
  if (view.getUint32(8) !== formatVersion) return 'version'
  const same =
    readHex(view, 16) === identity.clusterId && readHex(view, 24) === identity.incarnation
  if (!same) return 'foreign'
  return view.getUint8(12) === letter.charCodeAt(0) ? undefined : 'letter'
}

/** Both files of a new folder: the node's pair, then one for each of the first replicas. */
export function formatHardStateSync(
  disk: Disk,
  folder: string,
  identity: WalIdentity,
  records: readonly HardStateRecord[],
): void {
  const contents: SlotContent[] = [
    { kind: 'node', executedIndex: 0 },
    ...records.map((record) => ({ kind: 'replica' as const, record })),
  ]
  const letters = ['A', 'B'] as const
  hardStatePaths(folder).forEach((path, position) => {
    const bytes = new Uint8Array(blockBytes + extentBytes)
    bytes.set(encodeHeader(letters[position]!, identity))
    contents.forEach((content, pair) => {
      bytes.set(encodeSlot(1, 0, content).bytes, slotPosition(pair, 1))
    })
    writeNewFileSync(disk, path, bytes)
  })
}
