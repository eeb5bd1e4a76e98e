// One control line of the NATS protocol taken apart: which operation, and its arguments as texts
// and numbers. Works on the bytes where they lie and makes no string it is not asked for. How many
// arguments an operation takes is the parser's business (nats-parser.ts).

import { readStrictUtf8 } from './utf8.ts'

const tab = 0x09
const space = 0x20
const maxArguments = 5

export type Operation =
  | 'connect'
  | 'error'
  | 'hmsg'
  | 'hpub'
  | 'info'
  | 'msg'
  | 'ok'
  | 'ping'
  | 'pong'
  | 'pub'
  | 'sub'
  | 'unsub'

/** Operations by their last four bytes in lower case, packed into an integer. */
const operations: ReadonlyMap<number, readonly [word: string, operation: Operation]> = new Map(
  (
    [
      ['connect', 'connect'],
      ['-err', 'error'],
      ['hmsg', 'hmsg'],
      ['hpub', 'hpub'],
      ['info', 'info'],
      ['msg', 'msg'],
      ['+ok', 'ok'],
      ['ping', 'ping'],
      ['pong', 'pong'],
      ['pub', 'pub'],
      ['sub', 'sub'],
      ['unsub', 'unsub'],
    ] as const
  ).map((entry) => [pack(entry[0]), entry] as const),
)

function pack(word: string): number {
  let packed = 0
  for (let index = 0; index < word.length; index++) {
    packed = (packed << 8) | (word.charCodeAt(index) | 0x20)
  }
  return packed
}

export class ControlLine {
  #bytes: Uint8Array = new Uint8Array(0)
  #argumentsFrom = 0
  #end = 0
  /** Bounds of the arguments, two numbers each. */
  readonly #bounds: number[] = new Array<number>(2 * maxArguments).fill(0)
  /** The last ASCII subject: most messages of a connection have the subject of the one before. */
  #subject = ''

  /** An argument asked for was no number or no UTF-8; its value is then 0 or empty. */
  malformed = false

  /** Starts on the bytes [start, end), without line end. `undefined`: no such operation. */
  parse(bytes: Uint8Array, start: number, end: number): Operation | undefined {
    let position = start
    let packed = 0
    for (; position < end; position++) {
      const byte = bytes[position]!
      if (byte === space || byte === tab) break
      packed = (packed << 8) | (byte | 0x20)
    }
    this.#bytes = bytes
    this.#argumentsFrom = position
    this.#end = end
    this.malformed = false
    const entry = operations.get(packed)
    if (entry === undefined) return undefined
    const [word, operation] = entry
    if (word.length !== position - start) return undefined
    return word.length <= 4 || beginsWith(bytes, start, word) ? operation : undefined
  }

  /** Finds the arguments and returns their number; `maxArguments + 1` stands for any more. */
  countArguments(): number {
    const bytes = this.#bytes
    const end = this.#end
    let count = 0
    let position = this.#argumentsFrom
    for (;;) {
      while (position < end && isBlank(bytes[position]!)) position++
      if (position === end) return count
      if (count === maxArguments) return maxArguments + 1
      this.#bounds[2 * count] = position
      while (position < end && !isBlank(bytes[position]!)) position++
      this.#bounds[2 * count + 1] = position
      count++
    }
  }

  /** An argument, counted from 0. Call `countArguments` before. */
  text(index: number): string {
    const text = readStrictUtf8(this.#bytes, this.#bounds[2 * index]!, this.#bounds[2 * index + 1]!)
    if (text === undefined) this.malformed = true
    return text ?? ''
  }

  /** The first argument; makes no new string when it is the one of the message before. */
  subject(): string {
    const start = this.#bounds[0]!
    const byteLength = this.#bounds[1]! - start
    const last = this.#subject
    if (last.length === byteLength) {
      let index = 0
      while (index < byteLength && last.charCodeAt(index) === this.#bytes[start + index]) index++
      if (index === byteLength) return last
    }
    const text = this.text(0)
    // As many characters as bytes means ASCII: only then do characters compare to bytes.
    if (text.length === byteLength) this.#subject = text
    return text
  }

  /** Decimal digits, at most nine. */
  number(index: number): number {
    const start = this.#bounds[2 * index]!
    const end = this.#bounds[2 * index + 1]!
    let value = 0
    for (let position = start; position < end; position++) {
      const digit = this.#bytes[position]! - 0x30
      if (digit < 0 || digit > 9 || position - start === 9) {
        this.malformed = true
        return 0
      }
      value = value * 10 + digit
    }
    return value
  }

  /** Everything after the operation, trimmed. */
  rest(): string {
    const text = readStrictUtf8(this.#bytes, this.#argumentsFrom, this.#end)
    if (text === undefined) this.malformed = true
    return (text ?? '').trim()
  }

  /** Everything after the operation as a JSON object. */
  json(): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(this.rest())
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return value as Record<string, unknown>
      }
    } catch {
      // Malformed, like a value that is no object.
    }
    this.malformed = true
    return {}
  }
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab
}

function beginsWith(bytes: Uint8Array, start: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if ((bytes[start + index]! | 0x20) !== word.charCodeAt(index)) return false
  }
  return true
}
