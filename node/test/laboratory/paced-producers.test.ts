// What the producers of a chaos run write down, by a client that answers as it is told to.
import type { Client } from '@quorate/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { eventLine, parseEvent } from '../../src/laboratory/history/line.ts'
import { HistoryRecorder } from '../../src/laboratory/history/recorder.ts'
import { LiveLog } from '../../src/laboratory/processes/live-log.ts'
import { PacedProducers } from '../../src/laboratory/processes/paced-producers.ts'

const partitions = 2
const topics = [{ topic: 't', partitions, dense: true }]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Answer = (partition: number) => Promise<{ readonly offset: number }>

/** 100 records a second, to both partitions in turn. */
function producersOf(answer: Answer) {
  const producer = {
    send: (_topic: unknown, _value: string, { partition }: { partition: number }) =>
      answer(partition),
  }
  const client = { producer: () => producer } as unknown as Client
  const setting = { source: 'processes', topics, idempotent: true, retention: false }
  const history = new HistoryRecorder(setting)
  const log = new LiveLog(partitions)
  const options = { topic: 't', partitions, rate: 100, producers: 1, valueBytes: 20 }
  return { producers: new PacedProducers([client], options, history, log), history, log }
}

test('a record that is stored nobody knows where is acked without an offset', async () => {
  const { producers, history, log } = producersOf(async () => ({ offset: -1 }))
  producers.start()
  await vi.advanceTimersByTimeAsync(200)
  await producers.stop()
  const acks = history.events.filter(({ type }) => type === 'ok')
  expect(acks.length).toBeGreaterThan(10)
  expect(acks.every(({ value }) => !('offset' in value))).toBe(true)
  expect(log.contradictions).toBe(0)
  // The file of the history is read again by `quorate chaos check`.
  for (const event of history.events) expect(parseEvent(eventLine(event), 2)).toEqual(event)
})

test('they are served when every partition has acknowledged something since', async () => {
  let offset = 0
  let deaf = -1
  const { producers } = producersOf((partition) =>
    partition === deaf ? new Promise(() => {}) : Promise.resolve({ offset: offset++ }),
  )
  producers.start()
  await vi.advanceTimersByTimeAsync(200)
  expect(producers.servedSince(performance.now() - 100)).toBe(true)
  deaf = 1
  const sinceMs = performance.now()
  await vi.advanceTimersByTimeAsync(1000)
  expect(producers.servedSince(sinceMs)).toBe(false)
  deaf = -1
  await vi.advanceTimersByTimeAsync(200)
  expect(producers.servedSince(sinceMs)).toBe(true)
})
