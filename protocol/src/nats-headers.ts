// The header block of NATS messages, as bytes and as names with values. Knows nothing of which
// headers exist (subjects.ts) nor of the message around the block (nats-parser.ts, nats-writer.ts).
//
//   block  = "NATS/1.0" [ SP status [ SP description ] ] CRLF *( name ":" value CRLF ) CRLF
//   status = 3DIGIT, e.g. 503 "no responders"

import { QuorateError } from './error.ts'
import { maxHeaders } from './limits.ts'
import { readUtf8, utf8Bytes } from './utf8.ts'

export interface NatsStatus {
  readonly code: number
  readonly text?: string
}

export interface NatsHeaders {
  readonly status?: number
  readonly description?: string
  /** First value of a header, whatever the case of its name. */
  get(name: string): string | undefined
  /** All headers in order, with repeats and names as sent. */
  readonly entries: readonly (readonly [name: string, value: string])[]
}

export type HeaderSource =
  | Readonly<Record<string, string>>
  | Iterable<readonly [name: string, value: string]>

const version = 'NATS/1.0'
const lineEnd = '\r\n'

export function encodeHeaders(headers: HeaderSource, status?: NatsStatus): Uint8Array {
  let text = version
  if (status !== undefined) {
    text += ` ${status.code}`
    if (status.text !== undefined) text += ` ${printable('status', status.text)}`
  }
  text += lineEnd
  const entries = Symbol.iterator in headers ? headers : Object.entries(headers)
  for (const [name, value] of entries as Iterable<readonly [string, string]>) {
    if (!headerName.test(name)) {
      throw new QuorateError('QUORATE_INVALID_ARGUMENT', `header name ${JSON.stringify(name)}`)
    }
    text += `${name}: ${printable(name, value)}${lineEnd}`
  }
  return utf8Bytes(text + lineEnd)
}

/** At most `count` pieces between line ends, the one after the last included. */
function linesOf(text: string, count: number): string[] {
  const lines: string[] = []
  let start = 0
  while (lines.length < count) {
    const end = text.indexOf(lineEnd, start)
    lines.push(end === -1 ? text.slice(start) : text.slice(start, end))
    if (end === -1) break
    start = end + lineEnd.length
  }
  return lines
}

/** Throws QUORATE_INVALID_REQUEST for what is no header block, or one of too many headers. */
export function decodeHeaders(bytes: Uint8Array): NatsHeaders {
  // First line, the headers, and two empty strings: the empty line, and what follows its end.
  const lines = linesOf(readUtf8(bytes, 0, bytes.byteLength), maxHeaders + 4)
  if (lines.length > maxHeaders + 3) throw invalid(`more than ${maxHeaders} headers`)
  if (lines.length < 3 || lines.pop() !== '' || lines.pop() !== '') {
    throw invalid('header block does not end in an empty line')
  }
  const status = parseStatus(lines[0]!)
  const entries: [string, string][] = []
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!
    const colon = line.indexOf(':')
    if (colon < 1) throw invalid('header line without a name')
    entries.push([line.slice(0, colon).trimEnd(), line.slice(colon + 1).trim()])
  }
  return new DecodedHeaders(entries, status)
}

/** By hand: a regular expression with optional blanks around free text can be made to backtrack. */
function parseStatus(line: string): NatsStatus | undefined {
  if (!line.startsWith(version)) throw invalid(`header block does not start with ${version}`)
  const rest = line.slice(version.length)
  const text = rest.trim()
  if (text === '') return undefined
  const code = text.slice(0, 3)
  if (!rest.startsWith(' ') || !/^\d{3}$/.test(code) || !/^($| )/.test(text.slice(3))) {
    throw invalid('status in a header block')
  }
  return { code: Number(code), text: text.slice(3).trim() }
}

class DecodedHeaders implements NatsHeaders {
  readonly entries: readonly (readonly [string, string])[]
  readonly status?: number
  readonly description?: string

  constructor(entries: readonly (readonly [string, string])[], status: NatsStatus | undefined) {
    this.entries = entries
    if (status === undefined) return
    this.status = status.code
    if (status.text) this.description = status.text
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase()
    return this.entries.find(([each]) => each.toLowerCase() === wanted)?.[1]
  }
}

/** Printable ASCII without space and colon, as in HTTP. */
const headerName = /^[!-9;-~]+$/

function printable(name: string, text: string): string {
  if (/[\r\n]/.test(text)) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `line break in header ${name}`)
  }
  return text
}

function invalid(detail: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_REQUEST', detail)
}
