// Histories in files: what is written comes back, in pieces or not; a line that does not fit is an
// error with its number; and a history that makes no sense is refused.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  checkHistory,
  HistoryError,
  type HistoryEvent,
  readHistory,
  writeHistory,
} from 'quorate/laboratory'
import { afterAll, describe, expect, test } from 'vitest'
import { Story } from './story.ts'

const folder = mkdtempSync(join(tmpdir(), 'history-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'history.jsonl')

function story(): Story {
  const made = new Story({ seed: 7 })
  const acked = made.begin('a', 'x', { key: 'k', partition: 1 })
  const unknown = made.begin('b', 'ü')
  made.acked(acked, 0, 1)
  made.unknown(unknown)
  made.failed(made.begin('c', 'z'))
  made.invoke('poll', 's', made.now(), {})
  made.assigned('r', null, 1)
  made.read('r', 'x=k@1/0')
  made.end('b', 0)
  const call = { register: 'topic/t', do: 'compare-and-set', from: null, to: true } as const
  made.ok('register', made.invoke('register', 'd', made.now(), call), made.now(), {})
  made.excused(0)
  made.readBack('x=k@1/0')
  return made
}

describe('a history file', () => {
  test('gives back what was written, each time it is gone through', () => {
    const made = story()
    writeHistory(file, made)
    const { header, events } = readHistory(file)
    expect(header).toEqual(made.header)
    expect([...events]).toEqual(made.events)
    expect([...events]).toEqual(made.events)
    expect(checkHistory(readHistory(file))).toEqual(checkHistory(made))
  })

  test('is read in pieces that may end inside a line or a character', () => {
    const made = new Story()
    const long = 'ü'.repeat(700_001)
    for (const each of ['1', '2', '3']) made.begin('a', each + long)
    writeHistory(file, made)
    expect([...readHistory(file).events]).toEqual(made.events)
  })

  const bad: readonly [string, string][] = [
    ['{"index":', 'line 3: not JSON'],
    ['', 'line 3: not JSON'],
    ['[]', 'line 3: not an object'],
    [line({ f: 'sent' }), 'line 3: f is one of send, poll'],
    [line({ f: 'toString' }), 'line 3: f is one of send, poll'],
    [line({ type: 'done' }), 'line 3: type is one of invoke, ok, fail, info'],
    [line({ index: -1 }), 'line 3: index is a whole number'],
    [line({ timeMs: '1' }), 'line 3: timeMs is a number'],
    [line({ process: 3 }), 'line 3: process is a text'],
    [line({ value: null }), 'line 3: value is an object'],
    [line({ value: { topic: 't' } }), 'line 3: value is a text'],
    [line({ value: { topic: 't', value: 'x', key: 1 } }), 'line 3: key is a string or absent'],
    [line({ f: 'poll', type: 'ok', value: { records: {} } }), 'line 3: records is a list'],
    [line({ f: 'assign', value: { positions: [{ topic: 't' }] } }), 'line 3: partition is a whole'],
    [line({ f: 'register', value: { register: 'a', do: 'increase' } }), 'line 3: do is one of'],
  ]
  test.each(bad)('with the line %s is refused with its number', (text, message) => {
    writeHistory(file, { header: story().header, events: story().events.slice(0, 1) })
    appendFileSync(file, `${text}\n`)
    expect(() => [...readHistory(file).events]).toThrow(HistoryError)
    expect(() => [...readHistory(file).events]).toThrow(message)
  })

  const badHeaders: readonly [string, string][] = [
    ['', 'line 1: there is none'],
    ['{"history":2}\n', 'line 1: history is 1'],
    ['{"history":1,"source":"x","idempotent":1}\n', 'line 1: idempotent is true or false'],
  ]
  test.each(badHeaders)('that begins with %j is refused', (text, message) => {
    writeFileSync(file, text)
    expect(() => readHistory(file)).toThrow(message)
  })
})

/** An event behind the first one of the story, with a change. */
function line(change: Record<string, unknown>): string {
  const value = { topic: 't', value: 'y' }
  return JSON.stringify({
    ...{ index: 1, process: 'a', timeMs: 2, type: 'invoke', f: 'send', value },
    ...change,
  })
}

describe('a history makes no sense when', () => {
  const send = (index: number, change: object = {}): HistoryEvent =>
    ({
      ...{ index, process: 'a', timeMs: index, type: 'invoke', f: 'send' },
      value: { topic: 't', value: `v${index}` },
      ...change,
    }) as HistoryEvent
  const answer = { type: 'ok', value: { partition: 0, offset: 0 } }
  const senseless: readonly [string, HistoryEvent[], string][] = [
    ['an event is left out', [send(0), send(2)], 'event 2 (line 4): send follows event 0'],
    ['time goes back', [send(0, { timeMs: 5 }), send(1)], 'goes back from 5 ms to 1 ms'],
    [
      'a value is sent twice',
      [send(0), send(1, { value: { topic: 't', value: 'v0' } })],
      'sent before',
    ],
    ['an answer names nothing', [send(0, answer)], 'names no invocation'],
    ['an answer names nothing open', [send(0, { ...answer, of: 3 })], 'where nothing is open'],
    [
      'an answer is of another process',
      [send(0), send(1, { ...answer, of: 0, process: 'b' })],
      'of another process',
    ],
    [
      'an answer is of another function',
      [send(0), send(1, { ...answer, of: 0, f: 'end' })],
      'which is a send',
    ],
    [
      'there are two answers',
      [send(0), send(1, { ...answer, of: 0 }), send(2, { ...answer, of: 0 })],
      'where nothing is open',
    ],
    ['a topic is unknown', [send(0, { value: { topic: 'u', value: 'x' } })], 'of topic u'],
    [
      'a partition is unknown',
      [send(0, { value: { topic: 't', value: 'x', partition: 2 } })],
      'of t/2, of 2',
    ],
  ]
  test.each(senseless)('%s', (_, events, message) => {
    expect(() => checkHistory({ header: story().header, events })).toThrow(HistoryError)
    expect(() => checkHistory({ header: story().header, events })).toThrow(message)
  })
})
