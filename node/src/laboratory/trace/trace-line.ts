// Makes a line of what a simulated cluster tells of its run (`Trace` of cluster.ts): when, where, of
// which kind, and what, in few words. Decides nothing else; traced-environment.ts is where messages and
// disk operations are told of.
import type { TraceKind } from './trace-kinds.ts'

export interface TraceLine {
  /** Simulated time since the beginning of the run. */
  readonly ms: number
  /** A node, a client, `n2>n1` for what came from another node, `-` for the run. */
  readonly where: string
  readonly kind: TraceKind
  readonly what: string
  /** Every node and client it is about. */
  readonly nodes: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** How an event that is no other event of a node's log is told. */
interface Telling {
  readonly kind: TraceKind
  /** Default: the name of the event and its fields. */
  readonly words?: (fields: Fields) => unknown
}

const tellings: Readonly<Record<string, Telling>> = {
  phase: { kind: 'phase', words: ({ name }) => `if it stops here: ${name || 'no failure'}` },
  away: {
    kind: 'phase',
    words: ({ nodes }) => (`${nodes}` === '' ? 'everybody comes back' : 'stays away for good'),
  },
  fault: { kind: 'fault', words: ({ fault, forMs }) => `${fault} for ${forMs} ms` },
  'fault.over': { kind: 'fault', words: ({ fault }) => `${fault} is over` },
  'raft.leader-elected': {
    kind: 'elect',
    words: ({ group, term }) => `leads ${group} in t${term}`,
  },
  commit: { kind: 'commit', words: ({ text }) => text },
  msg: { kind: 'msg', words: ({ text }) => text },
  disk: { kind: 'disk', words: ({ text }) => text },
  send: { kind: 'send', words: ({ value }) => value },
  'send.acked': { kind: 'ack', words: (sent) => `${sent['value']} acked at ${placeText(sent)}` },
  'send.unknown': { kind: 'ack', words: ({ value, error }) => `${value} unknown: ${error}` },
  'send.not-applied': {
    kind: 'ack',
    words: ({ value, error }) => `${value} not applied: ${error}`,
  },
}

/** Families of events. */
const families: Readonly<Record<string, Telling>> = {
  fault: { kind: 'fault' },
  damage: { kind: 'fault' },
  call: { kind: 'call' },
  membership: { kind: 'call' },
}

const whereColumns = 7
const kindColumns = 6
const msColumns = 10

export const traceHeading: string = columns('ms', 'where', 'kind', 'what')

export function traceLine(ms: number, event: string, fields: object): TraceLine {
  const { node, client, nodes, ...rest } = fields as Fields
  const from = event === 'msg' ? rest['from'] : undefined
  const named = [node ?? client, from, nodes].flat().filter((each) => each !== undefined)
  const { kind, words } = tellingOf(event, node) ?? { kind: 'log' }
  return {
    ms,
    where: from === undefined ? named.join() || '-' : `${from}>${node}`,
    kind,
    what: words === undefined ? fieldsText(event, rest) : String(words({ ...rest, nodes })),
    nodes: named.map(String),
  }
}

export function checkLine(ms: number, violation: string): TraceLine {
  return { ms, where: '-', kind: 'check', what: violation, nodes: [] }
}

/** Four columns; the last one has spaces in it. */
export function traceText({ ms, where, kind, what }: TraceLine): string {
  return columns(ms.toFixed(3), where, kind, what)
}

function tellingOf(event: string, node: unknown): Telling | undefined {
  const family = event.slice(0, event.indexOf('.'))
  // A node's own words about members are in its log, whatever their name begins with.
  const ofFamily = family === 'membership' && node !== undefined ? undefined : families[family]
  return tellings[event] ?? ofFamily ?? families[event]
}

function columns(ms: string, where: string, kind: string, what: string): string {
  return `${ms.padStart(msColumns)} ${where.padEnd(whereColumns)} ${kind.padEnd(kindColumns)} ${what}`
}

function placeText({ partition, offset }: Fields): string {
  return `${partition}@${Number(offset) < 0 ? '?' : offset}`
}

function fieldsText(event: string, fields: Fields): string {
  const named = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${valueText(value)}`)
  return [event, ...named].join(' ')
}

function valueText(value: unknown): string {
  if (value instanceof Error) return value.message
  return typeof value === 'string' ? value : JSON.stringify(value)
}
