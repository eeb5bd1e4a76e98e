// What must hold for one replica right after a start, and what the rest of a cluster would then do
// for it: holes are filled with the entries of the model or, where nothing proves that they were
// synced, cut off; a lost checkpoint is installed again. Afterwards the log is whole and equals the
// model's. Without damage nothing that was promised may be missing.
import type { Configuration } from '@quorate/raft'
import { sameChain } from '../../src/storage/chain.ts'
import { verifyPayload } from '../../src/storage/entry-format.ts'
import type { GroupKey, LogEntry } from '../../src/storage/log-entry.ts'
import { takesPart } from '../../src/storage/log-hole.ts'
import type { GroupLog, InstalledSnapshot, LogHole } from '../../src/storage/storage.ts'
import { endOf, pointOf, type Replica, samePoint, text } from './crash-replica.ts'
import type { TestNode } from './harness.ts'

export interface Seen {
  holes: number
  begun: number
  /** Of those, cut off. */
  cutOff: number
  unknownTails: number
  checkpointsLost: number
  installs: number
  /** Holes found and repaired while the node ran on. */
  live: number
  /** Storage gave up, because of its device. */
  failures: number
}

/** `damaged`: files were damaged since the last check. */
export function checkReplica(node: TestNode, replica: Replica, damaged: boolean, seen: Seen): void {
  const found = node.storage.groups.get(replica.key)!
  const log = node.log(replica.key)
  const { term } = found.hardState
  if (term < replica.promisedTerm || (!damaged && !replica.terms.includes(term))) {
    throw new Error(`${replica.key}: term ${term}, promised ${replica.promisedTerm}`)
  }
  const isTailUnknown = found.condition === 'unknown-tail'
  // With the record that a snapshot was installed goes its log start, too.
  if (log.start.index < replica.promisedStart && !isTailUnknown) {
    throw new Error(`${replica.key}: start ${log.start.index}, promised ${replica.promisedStart}`)
  }
  if (isTailUnknown && !damaged) throw new Error(`${replica.key}: its tail is unknown`)
  let entries = isTailUnknown ? anyVersion(replica, log) : promisedVersion(replica, log)
  readWithHoles(node, replica, log, entries)
  checkCheckpoints(node, replica, log, damaged)
  const limit = seen.holes + seen.checkpointsLost + 200
  for (let hole = log.holes()[0]; hole !== undefined; hole = log.holes()[0]) {
    if (seen.holes + seen.checkpointsLost > limit) throw new Error('repair does not end')
    checkHole(node, replica, entries, hole, damaged)
    entries = settle(node, replica, log, entries, hole, seen)
  }
  if (isTailUnknown) {
    seen.unknownTails += 1
    node.wait<[Error?]>((done) => node.storage.setTailKnown(replica.key, done))
  }
  readWhole(node, replica, log, entries)
  replica.versions = [{ entries }]
  replica.promised = 0
  replica.terms = [term]
  replica.promisedTerm = term
  // What was committed is never cut off, also after a crash.
  replica.commit = Math.min(replica.commit, log.lastIndex)
  if (replica.lastRoll > replica.commit) replica.lastRoll = 0
  replica.promisedStart = log.start.index
  replica.installing = 0
  replica.checkpoints = [...log.checkpoints()]
}

/** Reading everything finds what there is; then the rest of a cluster fills it. */
export function repairWhileRunning(node: TestNode, replica: Replica, seen: Seen): void {
  const { entries } = replica
  const log = node.log(replica.key)
  readWithHoles(node, replica, log, entries)
  const isThere = ({ where }: LogHole): boolean => where !== 'checkpoint'
  for (let hole = log.holes().find(isThere); hole !== undefined; hole = log.holes().find(isThere)) {
    checkHole(node, replica, entries, hole, true)
    repairHole(node, replica, log, entries, hole)
    seen.live += 1
  }
  readWhole(node, replica, log, entries)
}

function promisedVersion(replica: Replica, log: GroupLog): readonly LogEntry[] {
  const last = pointOf(log.pointAt(log.lastIndex)!)
  const version = replica.versions.find((each, number) => {
    return number >= replica.promised && samePoint(endOf(each.entries), last)
  })
  if (version !== undefined) return version.entries
  const promised = endOf(replica.versions[replica.promised]!.entries)
  throw new Error(
    `${replica.key}: ends at ${JSON.stringify(last)}, promised ${JSON.stringify(promised)}`,
  )
}

/** With an unknown tail: what is there was there once, as a whole. */
function anyVersion(replica: Replica, log: GroupLog): readonly LogEntry[] {
  const { lastIndex } = log
  const last = pointOf(log.pointAt(lastIndex)!)
  for (const { entries } of [...replica.versions].reverse()) {
    const prefix = entries.slice(0, lastIndex)
    if (prefix.length === lastIndex && samePoint(endOf(prefix), last)) return prefix
  }
  throw new Error(`${replica.key}: ends at ${JSON.stringify(last)}, which it never did`)
}

/** Every entry is the model's, or lies in a hole that is reported. */
function readWithHoles(
  node: TestNode,
  replica: Replica,
  log: GroupLog,
  entries: readonly LogEntry[],
): void {
  let index = log.firstIndex
  while (index <= log.lastIndex) {
    const known = log.holes().length
    const read = node.readSome(index, replica.key)
    if (read instanceof Error) {
      const hole = holeAt(log, index)
      if (hole !== undefined) index = hole.lastIndex + 1
      // A read that meets unknown damage further on tells where it is, and goes well the next time.
      else if (log.holes().length === known) {
        throw new Error(`${replica.key}: entry ${index} is not readable, and no hole says so`, {
          cause: read,
        })
      }
      continue
    }
    for (const entry of read) expectSame(replica, entries[index++ - 1], entry)
  }
}

function holeAt(log: GroupLog, index: number): LogHole | undefined {
  return log.holes().find(({ where, firstIndex, lastIndex }) => {
    return where !== 'checkpoint' && firstIndex <= index && index <= lastIndex
  })
}

function expectSame(replica: Replica, expected: LogEntry | undefined, entry: LogEntry): void {
  const same = expected !== undefined && text(expected) === text(entry)
  if (!same || entry.missing === true || verifyPayload(entry) !== undefined) {
    throw new Error(`${replica.key}: read ${text(entry)}, expected ${expected && text(expected)}`)
  }
}

function checkHole(
  node: TestNode,
  replica: Replica,
  entries: readonly LogEntry[],
  hole: LogHole,
  damaged: boolean,
): void {
  const { firstIndex, lastIndex, last, before, where } = hole
  const name = `${replica.key}: hole ${firstIndex}..${lastIndex} (${where}, ${hole.evidence})`
  const reports = node.storage.damage()
  if (!reports.some(({ group }) => group === undefined || group === replica.key)) {
    throw new Error(`${name} is not reported`)
  }
  const entry = entries[lastIndex - 1]
  const isKnown = entry !== undefined && sameChain(entry.chain, last.chain)
  if (!isKnown || entry.term !== last.term) throw new Error(`${name} ends in no entry of this log`)
  if (where === 'checkpoint') {
    if (!damaged) throw new Error(`${name} without damage`)
    return
  }
  const previous = entries[firstIndex - 2]
  if (before !== undefined && previous !== undefined && !sameChain(before.chain, previous.chain)) {
    throw new Error(`${name} begins behind another entry`)
  }
  if (damaged) return
  if (hole.evidence !== 'begun') throw new Error(`${name} without damage`)
  const promised = replica.versions[replica.promised]!.entries
  for (let index = firstIndex; index <= lastIndex; index += 1) {
    const old = promised[index - 1]
    if (old !== undefined && sameChain(old.chain, entries[index - 1]!.chain)) {
      throw new Error(`${name}: entry ${index} was promised`)
    }
  }
}

/** Returns the entries of the log as it is then. */
function settle(
  node: TestNode,
  replica: Replica,
  log: GroupLog,
  entries: readonly LogEntry[],
  hole: LogHole,
  seen: Seen,
): readonly LogEntry[] {
  const { key } = replica
  const { firstIndex, lastIndex, where, evidence } = hole
  if (where === 'checkpoint') {
    seen.checkpointsLost += 1
    return replaceState(node, replica, log, entries)
  }
  seen.holes += 1
  if (evidence === 'begun') seen.begun += 1
  const isDropped =
    evidence === 'begun' && lastIndex === log.lastIndex && firstIndex > replica.commit
  if (isDropped && firstIndex % 2 === 0) {
    seen.cutOff += 1
    const request = { truncateAfter: firstIndex - 1, entries: [] }
    succeed(node, (done) => node.storage.persist(key, request, done))
    return entries.slice(0, firstIndex - 1)
  }
  repairHole(node, replica, log, entries, hole)
  return entries
}

function repairHole(
  node: TestNode,
  { key }: Replica,
  log: GroupLog,
  entries: readonly LogEntry[],
  hole: LogHole,
): void {
  const { firstIndex, lastIndex } = hole
  // The first entries of a torn batch, now and then; the rest is another hole then.
  const isPart =
    takesPart(hole) && firstIndex % 3 > 0 && entries[firstIndex - 1]!.term === hole.term
  const missing = entries.slice(firstIndex - 1, isPart ? firstIndex : lastIndex)
  const [error] = node.wait<[Error?]>((done) => node.storage.repair(key, hole, missing, done))
  // Reading around a hole may show that it is larger; then that one is to be filled.
  const grown = log.holes().find((each) => each.firstIndex <= firstIndex)
  const hasGrown = grown !== undefined && grown.lastIndex > lastIndex
  if (error !== undefined && !hasGrown) throw error
}

/** The state at the log start again, or what a leader sends whose log begins later. */
function replaceState(
  node: TestNode,
  { key, commit }: Replica,
  log: GroupLog,
  entries: readonly LogEntry[],
): readonly LogEntry[] {
  const at = entries[Math.min(commit, log.lastIndex) - 1]
  const { start } = log
  if (at === undefined || at.index <= start.index) {
    const checkpoint = { ...start, state: stateAt(start.index) }
    succeed(node, (done) => node.storage.saveCheckpoint(key, checkpoint, done))
  } else install(node, key, at, entries.slice(at.index))
  return entries
}

function install(node: TestNode, key: GroupKey, at: LogEntry, entries: readonly LogEntry[]): void {
  const { configuration } = node.storage.groups.get(key)!
  const request = { snapshot: snapshotAt(at, configuration), entries }
  succeed(node, (done) => node.storage.persist(key, request, done))
}

export function snapshotAt(
  { index, term, chain, nextOffset: endOffset, appendTimeMs }: LogEntry,
  configuration: Configuration,
): InstalledSnapshot {
  const mark = { index, term, chain, endOffset, appendTimeMs }
  return { mark, configuration, state: stateAt(index) }
}

export function stateAt(index: number): Uint8Array {
  return new Uint8Array(10 + index).fill(index % 251)
}

function succeed(node: TestNode, start: (done: (error?: Error) => void) => void): void {
  const [error] = node.wait<[Error?]>(start)
  if (error !== undefined) throw error
}

function readWhole(
  node: TestNode,
  replica: Replica,
  log: GroupLog,
  entries: readonly LogEntry[],
): void {
  if (log.holes().length > 0 || log.cleanThrough !== Number.POSITIVE_INFINITY) {
    throw new Error(`${replica.key}: holes are left: ${JSON.stringify(log.holes())}`)
  }
  const read = node.readAll(replica.key)
  const expected = entries.slice(log.start.index)
  if (read.map(text).join() !== expected.map(text).join()) {
    throw new Error(
      `${replica.key}: read ${read.map(text).join()}, expected ${expected.map(text).join()}`,
    )
  }
}

function checkCheckpoints(node: TestNode, replica: Replica, log: GroupLog, damaged: boolean): void {
  const newest = replica.checkpoints.at(-1)
  const found = node.opened.groups.get(replica.key)?.checkpoint
  if (found !== undefined && found.state[0] !== found.index % 251) throw new Error('other state')
  if (damaged) return
  if (newest !== undefined && (found === undefined || found.index < newest)) {
    throw new Error(`${replica.key}: checkpoint ${newest} is lost, ${found?.index} is there`)
  }
  if (log.start.index > 0 && found === undefined) throw new Error('no checkpoint at log start')
}
