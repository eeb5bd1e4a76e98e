// One line of a history file: parsed and checked for shape, so that whoever judges need not doubt it,
// and written. A line that does not fit is an error that says which field of which line. Whether the
// events make sense together is for operations.ts. Next stop: file-node.ts.
import {
  HistoryError,
  type HistoryEvent,
  type HistoryFunction,
  type HistoryHeader,
} from './event.ts'

type Fields = Readonly<Record<string, unknown>>

export function headerLine(header: HistoryHeader): string {
  return `${JSON.stringify(header)}\n`
}

export function eventLine({ index, process, timeMs, ...rest }: HistoryEvent): string {
  return `${JSON.stringify({ index, process, timeMs, ...rest })}\n`
}

/** @throws {HistoryError} that names the line. `number` counts from 1. */
export function parseHeader(line: string, number: number): HistoryHeader {
  const header = new Shape(line, number)
  if (header.fields['history'] !== 1) header.refuse('history', 'is 1, the version of the format')
  header.text(header.fields, 'source')
  header.flag(header.fields, 'idempotent')
  header.flag(header.fields, 'retention')
  header.optional(header.fields, 'seed', 'number')
  for (const topic of header.list(header.fields, 'topics')) {
    header.text(topic, 'topic')
    header.count(topic, 'partitions')
    header.optional(topic, 'dense', 'boolean')
  }
  return header.fields as unknown as HistoryHeader
}

/** @throws {HistoryError} that names the line. `number` counts from 1. */
export function parseEvent(line: string, number: number): HistoryEvent {
  const event = new Shape(line, number)
  const { fields } = event
  event.count(fields, 'index')
  event.text(fields, 'process')
  event.number(fields, 'timeMs')
  const { type, f } = fields
  const check = Object.hasOwn(values, String(f)) ? values[f as HistoryFunction] : undefined
  if (check === undefined) return event.refuse('f', `is one of ${historyFunctions.join(', ')}`)
  if (fields['of'] !== undefined) event.count(fields, 'of')
  const value = event.object(fields, 'value')
  if (type === 'invoke') check.invoke(event, value)
  else if (type === 'ok') check.ok(event, value)
  else if (type === 'fail' || type === 'info') event.optional(value, 'code', 'string')
  else return event.refuse('type', 'is one of invoke, ok, fail, info')
  return fields as unknown as HistoryEvent
}

type Check = (event: Shape, value: Fields) => void

const nothing: Check = () => {}

const placed: Check = (event, value) => {
  event.text(value, 'topic')
  event.count(value, 'partition')
}

const record: Check = (event, value) => {
  placed(event, value)
  event.count(value, 'offset')
  event.text(value, 'value')
  event.optional(value, 'key', 'string')
}

const sent: Check = (event, value) => {
  event.text(value, 'topic')
  event.text(value, 'value')
  event.optional(value, 'key', 'string')
  if (value['partition'] !== undefined) event.count(value, 'partition')
  if (value['producer'] === undefined) return
  const producer = event.object(value, 'producer')
  event.text(producer, 'id')
  event.count(producer, 'epoch')
  event.count(producer, 'sequence')
}

const stored: Check = (event, value) => {
  event.count(value, 'partition')
  if (value['offset'] !== undefined) event.count(value, 'offset')
}

const positions: Check = (event, value) => {
  event.optional(value, 'final', 'boolean')
  for (const position of event.list(value, 'positions')) {
    placed(event, position)
    if (position['offset'] !== null) event.count(position, 'offset')
  }
}

const call: Check = (event, value) => {
  event.text(value, 'register')
  const { do: verb, from, to } = value
  if (verb !== 'read' && verb !== 'write' && verb !== 'compare-and-set') {
    event.refuse('do', 'is one of read, write, compare-and-set')
  }
  if (verb !== 'read' && !isRegisterValue(to)) event.refuse('to', 'is what to write')
  if (verb === 'compare-and-set' && !isRegisterValue(from)) {
    event.refuse('from', 'is what the register must hold')
  }
}

const values: Readonly<Record<HistoryFunction, { readonly invoke: Check; readonly ok: Check }>> = {
  send: {
    invoke: sent,
    ok: stored,
  },
  poll: {
    invoke: nothing,
    ok: (event, value) => {
      event.optional(value, 'group', 'string')
      for (const each of event.list(value, 'records')) record(event, each)
    },
  },
  assign: { invoke: positions, ok: nothing },
  end: { invoke: placed, ok: (event, value) => event.count(value, 'offset') },
  register: {
    invoke: call,
    ok: (event, { value }) => {
      if (value !== undefined && !isRegisterValue(value)) event.refuse('value', 'is what it held')
    },
  },
  ack: {
    invoke: (event, value) => {
      placed(event, value)
      event.text(value, 'group')
      event.count(value, 'offset')
    },
    ok: nothing,
  },
  transaction: {
    invoke: (event, value) => {
      for (const each of event.list(value, 'sends')) sent(event, each)
    },
    ok: (event, value) => {
      for (const each of event.list(value, 'sends')) stored(event, each)
      if (value['records'] === undefined) return
      for (const each of event.list(value, 'records')) record(event, each)
    },
  },
  excuse: {
    invoke: (event, value) => {
      event.text(value, 'why')
      for (const partition of event.list(value, 'partitions')) placed(event, partition)
    },
    ok: nothing,
  },
}

/** All that an event can be about. */
export const historyFunctions: readonly string[] = Object.keys(values)

function isRegisterValue(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/** The object of one line. */
class Shape {
  readonly fields: Fields
  readonly #number: number

  constructor(line: string, number: number) {
    this.#number = number
    let parsed: unknown
    try {
      parsed = JSON.parse(line)
    } catch (cause) {
      throw new HistoryError(`line ${number}: not JSON: ${(cause as Error).message}`, { cause })
    }
    if (!isObject(parsed)) throw new HistoryError(`line ${number}: not an object`)
    this.fields = parsed
  }

  refuse(name: string, rule: string): never {
    throw new HistoryError(`line ${this.#number}: ${name} ${rule}`)
  }

  text(fields: Fields, name: string): void {
    if (typeof fields[name] !== 'string') this.refuse(name, 'is a text')
  }

  flag(fields: Fields, name: string): void {
    if (typeof fields[name] !== 'boolean') this.refuse(name, 'is true or false')
  }

  number(fields: Fields, name: string): void {
    if (typeof fields[name] !== 'number') this.refuse(name, 'is a number')
  }

  count(fields: Fields, name: string): void {
    const value = fields[name]
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      this.refuse(name, 'is a whole number from 0 on')
    }
  }

  optional(fields: Fields, name: string, type: 'string' | 'number' | 'boolean'): void {
    const value = fields[name]
    if (value !== undefined && typeof value !== type) this.refuse(name, `is a ${type} or absent`)
  }

  object(fields: Fields, name: string): Fields {
    const value = fields[name]
    return isObject(value) ? value : this.refuse(name, 'is an object')
  }

  list(fields: Fields, name: string): readonly Fields[] {
    const value = fields[name]
    if (!Array.isArray(value) || !value.every(isObject)) this.refuse(name, 'is a list of objects')
    return value as Fields[]
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
