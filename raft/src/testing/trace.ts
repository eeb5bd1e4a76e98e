// One line of text per input and effect, for golden scripts and for reading a failing test. Points
// of the log are written index/term, terms t1, replicas by their id.
import type { RaftEffect, RaftEntry, RaftInput, RaftMessage } from '../types.ts'

function entriesText(entries: readonly RaftEntry[]): string {
  return `[${entries.map(({ index, term }) => `${index}/${term}`).join(' ')}]`
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
      return message.success
        ? `${head} match ${message.match} ${extent}`
        : `${head} refused ${message.rejected} hint ${message.match}/${message.hintTerm} ${extent}`
    }
    case 'heartbeat':
      return `${head} commit ${message.commit} read ${message.read}`
    case 'heartbeat-reply': {
      const { index, term } = message.extent
      return `${head} read ${message.read} extent ${index}/${term}`
    }
    case 'timeout-now':
      return head
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
    case 'release':
      return `release ${input.index}`
  }
}

export function effectText(effect: RaftEffect<RaftEntry>): string {
  switch (effect.type) {
    case 'send':
      return `send ${effect.to}: ${messageText(effect.message)}`
    case 'persist': {
      const parts = [`persist #${effect.id}`]
      const { hardState, truncateAfter, entries } = effect
      if (hardState !== undefined) parts.push(`term ${hardState.term} vote ${hardState.votedFor}`)
      if (truncateAfter !== undefined) parts.push(`truncate after ${truncateAfter}`)
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
    case 'halt':
      return `halt at ${effect.index}: ${effect.reason}`
  }
}
