// The quorate API as subjects: the table of verbs, the grammar of subjects, patterns and topic
// names. Data and pure functions; which handler answers a verb is the node's business. The same
// table stands in docs/reference/protocol.md; a test compares them.
//
//   api-subject = "$Q.1." verb [ "." topic ]
//   topic       = 1*200( ALPHA / DIGIT / "." / "_" / "-" ), no leading, trailing or double dot
//   subject     = token *( "." token )          token: no white space, not empty
//   pattern     = subject whose tokens may be "*" (one token) or, last, ">" (one or more)

import { maxTopicNameLength } from './limits.ts'

export type Verb =
  | 'produce'
  | 'write'
  | 'fetch'
  | 'route'
  | 'offsets'
  | 'create'
  | 'delete'
  | 'list'
  | 'describe'
  | 'status'
  | 'producer'
  | 'leader'
  | 'node-add'
  | 'node-replace'
  | 'node-remove'
  | 'move'
  | 'rebalance'
  | 'can-stop'
  | 'node-give-up'

/** `leader`: only the partition's leader serves it; `any`: any node does, forwarding if need be. */
export interface VerbRow {
  readonly verb: Verb
  /** The subject ends in a topic name. */
  readonly topic: boolean
  readonly request: string
  readonly reply: string
  readonly servedBy: 'any' | 'leader'
  readonly meaning: string
}

const verb = (
  name: Verb,
  topic: boolean,
  servedBy: 'any' | 'leader',
  request: string,
  reply: string,
  meaning: string,
): VerbRow => ({ verb: name, topic, servedBy, request, reply, meaning })

export const verbTable: readonly VerbRow[] = [
  verb(
    'produce',
    true,
    'any',
    'raw value',
    'JSON ProduceReply',
    'append one record; for plain NATS clients',
  ),
  verb(
    'write',
    false,
    'leader',
    'binary WriteRequest',
    'binary WriteReply',
    'append record batches, a result for each',
  ),
  verb(
    'fetch',
    false,
    'leader',
    'binary FetchRequest',
    'binary FetchReply',
    'read record batches from an offset, long poll',
  ),
  verb(
    'route',
    true,
    'any',
    'JSON RouteRequest',
    'JSON Route',
    'topic id, partitions, leader hints and node addresses',
  ),
  verb(
    'offsets',
    true,
    'any',
    'JSON OffsetsRequest',
    'JSON OffsetsReply',
    'earliest or latest offset, or the first at a time',
  ),
  verb('create', true, 'any', 'JSON CreateRequest', 'JSON TopicSummary', 'create a topic'),
  verb('delete', true, 'any', 'empty', 'JSON DeleteReply', 'delete a topic and its records'),
  verb('list', false, 'any', 'empty', 'JSON ListReply', 'all topics'),
  verb(
    'describe',
    true,
    'any',
    'empty',
    'JSON TopicDescription',
    'one topic with the state of every replica',
  ),
  verb('status', false, 'any', 'empty', 'JSON ClusterStatus', 'every node as it reports itself'),
  verb(
    'producer',
    false,
    'any',
    'JSON {}',
    'JSON ProducerReply',
    'a producer id that nobody else has',
  ),
  verb(
    'leader',
    false,
    'any',
    'JSON LeaderRequest',
    'JSON LeaderReply',
    'leader and term of one partition as this node knows it',
  ),
  verb(
    'node-add',
    false,
    'any',
    'JSON NodeAddRequest',
    'JSON NodeAddReply',
    'take a node into the cluster',
  ),
  verb(
    'node-replace',
    false,
    'any',
    'JSON NodeAddRequest',
    'JSON NodeAddReply',
    'a node lost its folder and comes back empty',
  ),
  verb(
    'node-remove',
    false,
    'any',
    'JSON NodeRequest',
    'JSON NodeRequest',
    'begin to move everything off a node, which then leaves',
  ),
  verb(
    'move',
    true,
    'any',
    'JSON MoveRequest',
    'JSON MoveReply',
    'begin to move a partition to other nodes',
  ),
  verb(
    'rebalance',
    false,
    'any',
    'JSON RebalanceRequest',
    'JSON RebalanceReply',
    'begin to even out replicas and preferred leaders',
  ),
  verb(
    'can-stop',
    false,
    'any',
    'JSON NodeRequest',
    'JSON CanStopReply',
    'which groups would lose their quorum without a node',
  ),
  verb(
    'node-give-up',
    false,
    'any',
    'JSON NodeRequest',
    'JSON GiveUpReply',
    'the disk of a node is gone for good; needs no metadata leader',
  ),
]

/** First tokens of every subject of the API; `1` is the version of the API. */
export const apiPrefix = '$Q.1.'

/** Nodes publish a JSON LeaderEvent here when the leader of a partition changes. */
export const leaderEventSubject = '$Q.1.event.leaders'

/** Message headers of `produce` and of every error reply. Other headers become record headers. */
export const headerNames: {
  readonly key: string
  readonly partition: string
  readonly error: string
} = {
  /** Request: the record's key, UTF-8. */
  key: 'q-key',
  /** Request: the partition, decimal; overrides the key's. */
  partition: 'q-partition',
  /** Reply: the QUORATE_* code of an error. */
  error: 'q-error',
}

const verbs: ReadonlyMap<string, VerbRow> = new Map(verbTable.map((row) => [row.verb, row]))

export interface ApiSubject {
  readonly verb: Verb
  /** What follows the verb, not checked: `validTopicName` decides, so that the error can say so. */
  readonly topic?: string
}

/** `undefined` for everything that is no request subject of this version of the API. */
export function parseApiSubject(subject: string): ApiSubject | undefined {
  if (!subject.startsWith(apiPrefix)) return undefined
  const dot = subject.indexOf('.', apiPrefix.length)
  const row = verbs.get(subject.slice(apiPrefix.length, dot === -1 ? undefined : dot))
  if (row === undefined || row.topic !== (dot !== -1)) return undefined
  return row.topic ? { verb: row.verb, topic: subject.slice(dot + 1) } : { verb: row.verb }
}

export function apiSubject(verb: Verb, topic?: string): string {
  if (verbs.get(verb)!.topic !== (topic !== undefined)) {
    throw new Error(`subject of ${verb} ${topic === undefined ? 'needs a' : 'takes no'} topic`)
  }
  return topic === undefined ? apiPrefix + verb : `${apiPrefix}${verb}.${topic}`
}

/** Subjects that are ours: never core messaging, always answered by a node. */
export function isReserved(subject: string): boolean {
  return subject === '$Q' || subject.startsWith('$Q.')
}

const topicName = /^(?!\.)(?!.*\.\.)[A-Za-z0-9._-]+(?<!\.)$/

/** Names a user may give. Topics of quorate itself start with `$` and are not valid here. */
export function validTopicName(name: string): boolean {
  return name.length <= maxTopicNameLength && topicName.test(name)
}

/** A subject to publish to: no empty token, no white space or control character, no wildcard. */
export function validSubject(subject: string): boolean {
  return tokensAreValid(subject, false)
}

/** A subject to subscribe to: `*` and a last `>` may be tokens. */
export function validPattern(pattern: string): boolean {
  return tokensAreValid(pattern, true)
}

function tokensAreValid(subject: string, wildcards: boolean): boolean {
  const { length } = subject
  let start = 0
  for (let position = 0; position <= length; position++) {
    const character = position === length ? dotCode : subject.charCodeAt(position)
    if (character <= spaceCode || character === deleteCode) return false
    if (character !== dotCode) continue
    if (position === start) return false
    if (position === start + 1) {
      const only = subject.charCodeAt(start)
      if (only === starCode && !wildcards) return false
      if (only === moreCode && (!wildcards || position !== length)) return false
    }
    start = position + 1
  }
  return true
}

const spaceCode = 0x20
const starCode = 0x2a
const dotCode = 0x2e
const moreCode = 0x3e
const deleteCode = 0x7f

/** Both must be valid. `a.*.c` matches `a.b.c`; `a.>` matches `a.b` and `a.b.c`, not `a`. */
export function subjectMatches(pattern: string, subject: string): boolean {
  let patternStart = 0
  let subjectStart = 0
  for (;;) {
    const patternDot = pattern.indexOf('.', patternStart)
    const subjectDot = subject.indexOf('.', subjectStart)
    const patternEnd = patternDot === -1 ? pattern.length : patternDot
    const subjectEnd = subjectDot === -1 ? subject.length : subjectDot
    const size = patternEnd - patternStart
    const first = pattern.charCodeAt(patternStart)
    if (size === 1 && first === moreCode) return true
    const wild = size === 1 && first === starCode
    if (!wild) {
      if (size !== subjectEnd - subjectStart) return false
      if (!subject.startsWith(pattern.slice(patternStart, patternEnd), subjectStart)) return false
    }
    if (patternDot === -1 || subjectDot === -1) return patternDot === subjectDot
    patternStart = patternDot + 1
    subjectStart = subjectDot + 1
  }
}
