// What must hold for one replica between any two steps. Tests and simulations call it after each
// step; a violation is a mistake in the core and throws. What must hold between replicas is checked
// by testing/checker.ts.
import { isElectable, type Leadership, type Raft } from './raft.ts'
import type { RaftEntry } from './types.ts'

/** Entries whose order is checked, from the end: the rest was checked when it was newer. */
const checkedEntriesMax = 64

function hold(condition: boolean, invariant: string): void {
  if (!condition) throw new Error(`raft invariant broken: ${invariant}`)
}

export function checkInvariants<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  checkLog(raft)
  checkPersists(raft)
  checkConfigurations(raft)
  const { role, candidacy, leadership } = raft
  const { id } = raft.options
  const isCandidate = role === 'candidate' || role === 'pre-candidate'
  hold((candidacy !== undefined) === isCandidate, 'candidacy exists exactly while a candidate')
  hold((leadership !== undefined) === (role === 'leader'), 'leadership exists exactly as leader')
  hold((raft.leader === id) === (role === 'leader'), 'only a leader follows itself')
  if (isCandidate) hold(raft.leader === 0, 'a candidate knows no leader')
  if (role === 'candidate') hold(raft.votedFor === id, 'a candidate has voted for itself')
  const { cleanThrough, tailKnown } = raft.recovery
  if (isCandidate) hold(tailKnown && cleanThrough === Infinity, 'a candidate is not damaged')
  const missing = raft.log.firstMissingAfter(0)
  hold(missing === undefined || missing.index > cleanThrough, 'nothing is missing before a hole')
  if (leadership !== undefined) {
    hold(tailKnown && missing === undefined, 'a leader has every entry in memory')
    checkLeadership(raft, leadership)
  }
}

function checkLog<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { log, term } = raft
  hold(log.base.index <= log.commit, 'base ≤ commit')
  const isReset = raft.persists.outstanding.some(({ lastIndex }) => lastIndex >= log.base.index)
  hold(log.base.index <= log.stable || isReset, 'base ≤ stable, or the snapshot is being stored')
  hold(log.commit <= log.lastIndex, 'commit ≤ last index')
  hold(log.stable <= log.lastIndex, 'stable ≤ last index')
  hold(log.lastTerm <= term, 'last term ≤ term')
  const start = Math.max(log.base.index, log.lastIndex - checkedEntriesMax)
  for (let index = start + 1; index <= log.lastIndex; index++) {
    hold(log.entryAt(index)?.index === index, 'entries are consecutive')
    hold(log.termAt(index) >= log.termAt(index - 1), 'terms of entries never fall')
  }
}

function checkConfigurations<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { log, membership } = raft
  const [first, ...above] = log.configurations.all
  hold(first !== undefined && first.index <= log.base.index, 'a configuration is in force at base')
  for (const { index, configuration } of above) {
    hold(log.entryAt(index)?.configuration === configuration, 'a configuration is in the log')
  }
  const start = Math.max(log.base.index, log.lastIndex - checkedEntriesMax)
  for (let index = start + 1; index <= log.lastIndex; index++) {
    const isCarried = log.entryAt(index)?.configuration !== undefined
    hold(isCarried === above.some((placed) => placed.index === index), 'configurations are known')
  }
  hold(membership.placed === log.configurations.latest, 'the newest configuration is in force')
  const isPassive = raft.role === 'follower' || raft.role === 'leader'
  hold(isElectable(raft) || isPassive, 'only a voter campaigns')
}

function checkPersists<Entry extends RaftEntry>(raft: Raft<Entry>): void {
  const { outstanding, held, hardStateId, nextId } = raft.persists
  let id = 0
  let lastIndex = raft.log.stable
  for (const request of outstanding) {
    hold(request.id > id && request.id < nextId, 'requests are in the order of their ids')
    hold(request.lastIndex === 0 || request.lastIndex <= raft.log.lastIndex, 'stored ≤ last index')
    id = request.id
    lastIndex = Math.max(lastIndex, request.lastIndex)
  }
  hold(lastIndex === raft.log.lastIndex, 'every entry is stored or on its way to storage')
  hold(hardStateId <= id, 'an unstored hard state has an unfinished request')
  for (const reply of held) hold(reply.id <= id, 'a held reply waits for an unfinished request')
}

function checkLeadership<Entry extends RaftEntry>(raft: Raft<Entry>, leadership: Leadership): void {
  const { log, options } = raft
  hold(raft.votedFor === options.id, 'a leader has voted for itself')
  hold(raft.persists.hardStateId === 0, 'term and vote of a leader are on disk')
  for (const progress of leadership.progress) {
    progress.assertConsistent(log.lastIndex)
    hold(progress.inflightMessages <= options.inflightMessagesMax, 'messages fit the window')
  }
  let position = 0
  for (const read of leadership.reads.waiting) {
    hold(read.position > position, 'reads wait in the order of their positions')
    position = read.position
  }
  hold(position <= leadership.reads.position, 'no read is ahead of the counter')
}
