// The faults a plan may name, as a table: what each does and which targets it takes. The last word
// on their effect is in faults.ts.
import { damageableKinds } from '../../simulation/damageable-files.ts'
import { type MessageKind, messageKinds } from '../../simulation/message-faults.ts'
import type { TargetKind } from './target-grammar.ts'

export interface FaultRow {
  readonly targets: readonly TargetKind[]
  /** What the `detail` of a step says; absent: the fault takes none. */
  readonly detail?: 'file' | 'number' | 'message' | 'signed'
  /** A step may leave the detail out. */
  readonly optional?: true
  readonly meaning: string
}

/** Kinds of files that a fault is aimed at; `any` leaves it to chance. */
export const fileKinds = ['any', ...damageableKinds] as const
export type FileKind = (typeof fileKinds)[number]

/** Kinds of messages between nodes that a fault is aimed at. */
export const messageNames = Object.keys(messageKinds) as readonly MessageKind[]

export const faultTable = {
  isolate: {
    targets: ['one', 'minority'],
    meaning: 'the target is cut off from everybody; nodes of a minority still reach each other',
  },
  'isolate-peers': {
    targets: ['one', 'minority'],
    meaning: 'as isolate, but clients still reach the target',
  },
  mute: {
    targets: ['one'],
    meaning: 'asymmetric: the target hears the other nodes and they do not hear it',
  },
  deafen: {
    targets: ['one'],
    meaning: 'asymmetric: the other nodes hear the target and it does not hear them',
  },
  cut: { targets: ['pair'], meaning: 'nothing passes between the two' },
  'cut-forward': { targets: ['pair'], meaning: 'nothing passes from the first to the second' },
  split: {
    targets: ['minority'],
    meaning: 'the minority and the others do not reach each other; each client reaches one side',
  },
  'isolate-majority': {
    targets: ['minority'],
    meaning: 'every node but the target is cut off from everybody, so that nobody has a majority',
  },
  bridge: {
    targets: ['one'],
    meaning: 'the others fall into two halves, which both reach the target and not each other',
  },
  ring: {
    targets: ['all'],
    meaning: 'of at least four nodes each reaches only its two neighbours',
  },
  clog: {
    targets: ['one', 'pair', 'all'],
    meaning: 'all bytes wait; no link breaks of it, and all arrive afterwards',
  },
  swizzle: {
    targets: ['all'],
    meaning: 'some nodes are clogged one after another, and freed in another order',
  },
  'slow-link': {
    targets: ['one', 'pair', 'all'],
    meaning: 'the paths carry 20 bytes in a millisecond',
  },
  'lose-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning:
      'of ten messages that arrive at the target (of a pair: from the first at the second) seven ' +
      'are lost, though the links last. So for all faults of messages between nodes.',
  },
  'delay-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning: 'each message is held back for 80 to 480 ms, and others overtake it',
  },
  'reorder-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning: 'every other message is held back for up to 40 ms',
  },
  'repeat-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning: 'every other message arrives twice within 20 ms; requests do not',
  },
  'replay-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning:
      'of ten messages two arrive again 0.3 to 30 s later, also in a later life of either node; ' +
      'requests do not',
  },
  'replay-old-messages': {
    targets: ['one', 'pair', 'all'],
    detail: 'message',
    meaning:
      'of ten messages two arrive again 31 to 60 s later, also in a later life of either node; ' +
      'requests do not',
  },
  reset: {
    targets: ['one', 'pair', 'all'],
    meaning: 'links break, what was under way arrives in part; again each 200 ms while it lasts',
  },
  delay: {
    targets: ['one', 'pair', 'all'],
    meaning: 'messages take 30 to 180 ms longer',
  },
  power: {
    targets: ['one', 'minority', 'all'],
    meaning: 'the machine dies with all writes that were not synced, and starts again afterwards',
  },
  kill: {
    targets: ['one', 'minority', 'all'],
    meaning: 'the process dies, its writes stay in the page cache, and it starts again afterwards',
  },
  stop: {
    targets: ['one', 'minority', 'all'],
    meaning:
      'the process ends as on SIGTERM, handing over what it leads, and starts again afterwards',
  },
  pause: { targets: ['one'], meaning: 'the process stands still, as under SIGSTOP' },
  'slow-node': {
    targets: ['one'],
    meaning: 'of each 50 ms the process stands still for 40, so that all it does is late',
  },
  'rolling-restart': {
    targets: ['all'],
    meaning: 'the nodes end as on SIGTERM and start again, one after another',
  },
  'transfer-storm': {
    targets: ['one', 'all'],
    meaning:
      'each 100 ms the target hands over all that it leads, as a node whose disk hangs does; of ' +
      'all nodes, whoever leads by then',
  },
  'jump-clock': {
    targets: ['one', 'all'],
    detail: 'signed',
    optional: true,
    meaning: 'the calendar jumps by so many milliseconds, without detail 7 s ahead, and back',
  },
  'freeze-clock': { targets: ['one', 'all'], meaning: 'the calendar stands still' },
  'drift-clock': {
    targets: ['one', 'all'],
    detail: 'signed',
    meaning: 'all clocks run faster (or slower) by so many millionths, 100,000 at most',
  },
  'slow-disk': {
    targets: ['one', 'all'],
    meaning: 'each operation takes up to 60 ms longer',
  },
  'stall-file': {
    targets: ['one', 'all'],
    detail: 'file',
    meaning: 'no operation on files of one kind completes',
  },
  'stall-disk': { targets: ['one', 'all'], meaning: 'no write or sync completes' },
  'full-disk': { targets: ['one', 'minority', 'all'], meaning: 'writes that need room fail' },
  flip: {
    targets: ['one', 'minority'],
    detail: 'file',
    meaning:
      'the process dies, one bit of a synced file changes, and it starts again afterwards; ' +
      'forMs 0: the bit changes under the running process. So for all damage to files.',
  },
  zero: { targets: ['one', 'minority'], detail: 'file', meaning: 'a part of a file becomes zeros' },
  truncate: { targets: ['one', 'minority'], detail: 'file', meaning: 'a file loses its end' },
  delete: { targets: ['one', 'minority'], detail: 'file', meaning: 'a file is gone' },
  stale: {
    targets: ['one'],
    detail: 'file',
    meaning: 'after forMs the process dies, and a file is put back to what it held at the step',
  },
  swap: {
    targets: ['one'],
    detail: 'file',
    meaning: 'two files of one kind change places',
  },
  'flip-read': {
    targets: ['one'],
    detail: 'file',
    meaning: 'the next read of a file gives one wrong bit; the file is good',
  },
  'misdirect-read': {
    targets: ['one'],
    detail: 'file',
    meaning: 'the next read of a file gives another block of it; the file is good',
  },
  'lose-disk': {
    targets: ['one'],
    meaning: 'the machine comes back with an empty disk',
  },
  'fail-read': {
    targets: ['one', 'all'],
    detail: 'file',
    meaning: 'the next read of a file fails with EIO; the file is good',
  },
  'fail-write': {
    targets: ['one', 'all'],
    detail: 'file',
    meaning: 'the next write fails with EIO: the process ends itself and is started again',
  },
  'fail-sync': {
    targets: ['one', 'all'],
    detail: 'file',
    meaning: 'the next sync fails with EIO, and what it should have synced is forgotten',
  },
  'power-at': {
    targets: ['one', 'minority', 'all'],
    detail: 'number',
    meaning: 'the machine dies at its n-th disk operation from now, and starts again forMs later',
  },
  'power-loop': {
    targets: ['one', 'minority', 'all'],
    detail: 'number',
    meaning:
      'the machine dies, and again at the n-th disk operation of each start, until forMs is over',
  },
  'spoil-majority': {
    targets: ['all'],
    detail: 'number',
    meaning:
      'the machines die, and a bit of one committed entry of the n-th partition changes in every ' +
      'place it is stored at on a majority of its disks; only in a plan that goes beyond the bound',
  },
  'spoil-all': {
    targets: ['all'],
    detail: 'number',
    meaning: 'as spoil-majority, on all of its disks: nobody has the entry any more',
  },
  'crash-client': {
    targets: ['client', 'all'],
    meaning:
      'the process of the client dies, and starts again under the same name, as another producer; ' +
      'what it had not heard of is unknown',
  },
  'pause-client': { targets: ['client', 'all'], meaning: 'the process of the client stands still' },
  'jump-client-clock': {
    targets: ['client', 'all'],
    detail: 'signed',
    meaning: 'the calendar of the client jumps by so many milliseconds, and back',
  },
  'lose-requests': {
    targets: ['client', 'all'],
    meaning: 'every other request of the client is lost, though its connection lasts',
  },
  'lose-replies': {
    targets: ['client', 'all'],
    meaning: 'every other reply to the client is lost, though its connection lasts',
  },
  'repeat-produces': {
    targets: ['client', 'all'],
    meaning: 'every other write that was acknowledged arrives again up to 8 s later',
  },
  'pause-reader': {
    targets: ['all'],
    meaning: 'the reader takes nothing of what it has fetched',
  },
  'add-node': { targets: ['all'], meaning: 'no fault: an empty node is added to the cluster' },
  'remove-node': { targets: ['one'], meaning: 'no fault: the target is told to leave' },
  'replace-node': {
    targets: ['one'],
    meaning: 'the target loses its disk, and another incarnation of it joins with an empty one',
  },
  'move-partition': {
    targets: ['one'],
    detail: 'number',
    meaning: 'no fault: the n-th partition moves to the target, away from one of its nodes',
  },
  rebalance: { targets: ['all'], meaning: 'no fault: replicas and leaders are evened out' },
} as const satisfies Readonly<Record<string, FaultRow>>

export type FaultName = keyof typeof faultTable

const signed = /^[+-][1-9]\d{0,8}$/

/** What `detail` of a step of this fault may be. */
export function isDetail(fault: FaultName, detail: unknown): boolean {
  const row: FaultRow = faultTable[fault]
  if (row.optional === true && detail === undefined) return true
  if (row.detail === 'signed') return typeof detail === 'string' && signed.test(detail)
  if (row.detail === undefined) return detail === undefined
  if (row.detail === 'message') return (messageNames as readonly unknown[]).includes(detail)
  if (row.detail === 'file') return (fileKinds as readonly unknown[]).includes(detail)
  return typeof detail === 'string' && /^[1-9]\d{0,3}$/.test(detail)
}

export const faultNames = Object.keys(faultTable) as readonly FaultName[]

export function isFault(name: unknown): name is FaultName {
  return typeof name === 'string' && Object.hasOwn(faultTable, name)
}
