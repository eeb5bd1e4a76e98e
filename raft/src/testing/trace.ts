// One line of text per input and effect, for golden scripts and for reading a failing test. Points
// of the log are written index/term, terms t1, replicas by their id.
import type {
  Configuration,
  RaftEffect,
  RaftEntry,
  RaftInput,
  RaftMessage,
  SnapshotPoint,
} from '../types.ts'

function entriesText(entries: readonly RaftEntry[]): string {
  const texts = entries.map(({ index, term, configuration }) =>
    configuration === undefined
      ? `${index}/${term}`
      : `${index}/${term} ${configurationText(configuration)}`,
  )
  return `[${texts.join(' ')}]`
}

/** `1,2,3` or, joint and with a learner, `1,2,4 (1,2,3) +5`. */
export function configurationText({ voters, outgoing, learners }: Configuration): string {
  const joint = outgoing === undefined ? '' : ` (${outgoing.join()})`
  const added = learners === undefined ? '' : ` +${learners.join()}`
  return `{${voters.join()}${joint}${added}}`
}

function snapshotText({ index, term, configuration }: SnapshotPoint): string {
  return `snapshot ${index}/${term} ${configurationText(configuration)}`
}

function tailText({ recovering }: { readonly recovering: boolean }): string {
  return recovering ? ' recovering' : ''
}

export function messageText(message: RaftMessage<RaftEntry>): string {
  const head = `${message.type} t${message.term}`
  switch (message.type) {
    case 'vote-request': {
      const transfer = message.transfer ? ' transfer' : ''
      return `${message.pre ? 'pre-' : ''}${head} last ${message.lastIndex}/${message.lastTerm}${transfer}`
    }
    case 'vote-reply':
      return `${message.pre ? 'pre-' : ''}${head} ${message.granted ? 'granted' : 'refused'}`
    case 'append': {
      const { previous, entries, commit } = message
      const after = `${previous.index}/${previous.term}`
      return `${head} after ${after} ${entriesText(entries)} commit ${commit}`
    }
    case 'append-reply': {
      const extent = `extent ${message.extent.index}/${message.extent.term}`
      const { match, reached, hintTerm, rejected } = message
      const ack = reached === match ? `match ${match}` : `match ${match} reached ${reached}`
      const answer = message.success ? ack : `refused ${rejected} hint ${match}/${hintTerm}`
      return `${head} ${answer} ${extent}${tailText(message)}`
    }
    case 'heartbeat':
      return `${head} commit ${message.commit} read ${message.read}`
    case 'heartbeat-reply': {
      const { index, term } = message.extent
      return `${head} read ${message.read} extent ${index}/${term}${tailText(message)}`
    }
    case 'timeout-now':
      return head
    case 'snapshot': {
      const { snapshot, offset, totalBytes, data } = message
      const bytes = `bytes ${offset}+${data.length} of ${totalBytes}`
      return `${head} ${snapshotText(snapshot)} ${bytes}`
    }
    case 'snapshot-reply':
      return `${head} index ${message.index} received ${message.received}`
    case 'hole-request':
      return `${message.pre ? 'pre-' : ''}${head} ${message.index}/${message.entryTerm}`
    case 'hole-reply': {
      const { pre, index, entryTerm, holding } = message
      return `${pre ? 'pre-' : ''}${head} ${index}/${entryTerm} ${holding}`
    }
    case 'fence-passed':
      return `${head} session ${message.session}`
    case 'quarantine':
      return `${head} session ${message.session} acked ${message.index}`
  }
}

export function inputText(input: RaftInput<RaftEntry>): string {
  switch (input.type) {
    case 'tick':
      return 'tick'
    case 'message':
      return `from ${input.from}: ${messageText(input.message)}`
    case 'propose':
      return `propose ${entriesText(input.entries)}`
    case 'stored':
      return `stored #${input.id}`
    case 'read':
      return `read r${input.readId}`
    case 'transfer':
      return `transfer to ${input.to}`
    case 'leader-connection-lost':
      return `connection to leader ${input.leader} lost`
    case 'campaign':
      return 'campaign'
    case 'entries-read':
      return `entries read for ${input.to}: ${entriesText(input.entries)}`
    case 'lost':
      return `lost for good: ${input.replicas.join(' ')}`
    case 'entries-gone':
      return `entries for ${input.to} are gone`
    case 'snapshot-read': {
      const { snapshot, to, offset, data, totalBytes } = input
      return `read for ${to}: ${snapshotText(snapshot)} bytes ${offset}+${data.length} of ${totalBytes}`
    }
    case 'install':
      return `install ${snapshotText(input.snapshot)}`
    case 'release':
      return `release ${input.index}`
    case 'holes': {
      const undecided = input.undecided.length > 0 ? ` undecided ${input.undecided.join()}` : ''
      return `holes: clean through ${input.cleanThrough}${undecided}`
    }
    case 'repaired':
      return `repaired ${entriesText(input.entries)}`
  }
}

export function effectText(effect: RaftEffect<RaftEntry>): string {
  switch (effect.type) {
    case 'send':
      return `send ${effect.to}: ${messageText(effect.message)}`
    case 'persist': {
      const parts = [`persist #${effect.id}`]
      const { hardState, truncateAfter, snapshot, entries } = effect
      if (hardState !== undefined) parts.push(`term ${hardState.term} vote ${hardState.votedFor}`)
      if (truncateAfter !== undefined) parts.push(`truncate after ${truncateAfter}`)
      if (snapshot !== undefined) parts.push(snapshotText(snapshot))
      if (entries.length > 0) parts.push(entriesText(entries))
      return parts.join(' ')
    }
    case 'commit':
      return `commit ${effect.index}`
    case 'role':
      return `${effect.role} t${effect.term} leader ${effect.leader}`
    case 'read-ready':
      return `read r${effect.readId} ready at ${effect.index}`
    case 'read-refused':
      return `read r${effect.readId} refused`
    case 'read-entries':
      return `read entries for ${effect.to} from ${effect.fromIndex}, ${effect.bytesMax} bytes`
    case 'read-snapshot':
      return `read snapshot for ${effect.to} from ${effect.offset}, ${effect.bytesMax} bytes`
    case 'snapshot-received': {
      const bytes = effect.data.reduce((sum, part) => sum + part.length, 0)
      return `${snapshotText(effect.snapshot)} received, ${bytes} bytes`
    }
    case 'configuration': {
      const state = effect.committed ? 'committed' : 'in force'
      return `configuration ${configurationText(effect.configuration)} of ${effect.index} ${state}`
    }
    case 'propose-configuration':
      return `propose configuration ${configurationText(effect.configuration)}`
    case 'recovered':
      return 'recovered'
    case 'tail-unknown':
      return `tail unknown: ${effect.reason}`
    case 'dropped':
      return `dropped from ${effect.index}`
    case 'halt':
      return `halt at ${effect.index}: ${effect.reason}`
  }
}
