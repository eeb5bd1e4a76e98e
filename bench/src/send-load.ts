// Load through the client library as a program makes it: one producer, one `send` per record, all
// settings at their defaults; and a stream that reads what it sends.
import { type Client, type Producer, topic } from '@quorate/client'
import type { Histogram } from 'hdr-histogram-js'

export interface SendRate {
  readonly sends: number
  readonly seconds: number
}

const value = new Uint8Array(1024).fill(0x78)
/** Bounds what waits in front of the producer; its own buffer is smaller. */
const outstandingMax = 50_000

/** As many calls of `send` with 1 KiB as are acknowledged in the time. */
export async function sendAsFastAsPossible(
  client: Client,
  name: string,
  seconds: number,
): Promise<SendRate> {
  const target = topic(name, { codec: 'bytes' })
  const producer = client.producer()
  const startMs = performance.now()
  const untilMs = startMs + seconds * 1000
  let sent = 0
  let settled = 0
  let failure: unknown
  const failed = (error: unknown) => {
    failure = error
  }
  let wake: () => void = () => {}
  const acknowledged = () => {
    settled += 1
    if (sent - settled < outstandingMax / 2) wake()
  }
  while (performance.now() < untilMs && failure === undefined) {
    for (let index = 0; index < 100; index++) {
      sent += 1
      producer.send(target, value).then(acknowledged, failed)
    }
    if (sent - settled >= outstandingMax) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    } else await turn()
  }
  await producer.close()
  if (failure !== undefined) throw failure
  return { sends: sent, seconds: (performance.now() - startMs) / 1000 }
}

/** Sends at a fixed rate and records microseconds from the call to its acknowledgement. */
export async function sendAtRate(
  client: Client,
  name: string,
  perSecond: number,
  seconds: number,
  into: Histogram,
): Promise<void> {
  const target = topic(name, { codec: 'bytes' })
  const producer = client.producer()
  await atRate(perSecond, seconds, () => {
    const startMs = performance.now()
    return producer.send(target, value).then(() => record(into, startMs))
  })
  await producer.close()
}

/** As `sendAtRate`, and a stream that was there before gives each record: time until it does. */
export async function streamAtRate(
  client: Client,
  name: string,
  perSecond: number,
  seconds: number,
  into: Histogram,
): Promise<void> {
  const target = topic(name, { codec: 'bytes' })
  const producer = client.producer()
  const stream = client.stream(target, { from: 'latest' })
  await stream.ready()
  const count = Math.round(perSecond * seconds)
  const reading = (async () => {
    let read = 0
    for await (const { value: bytes } of stream) {
      record(into, new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0))
      read += 1
      if (read === count) return
    }
  })()
  await atRate(perSecond, seconds, () => sendStamped(producer, target))
  await reading
  await producer.close()
}

/** Sends and reads at once for the time; the rate at which records come out of the stream. */
export async function streamAsFastAsPossible(
  client: Client,
  name: string,
  seconds: number,
): Promise<SendRate> {
  const stream = client.stream(topic(name, { codec: 'bytes' }), { from: 'latest' })
  await stream.ready()
  const startMs = performance.now()
  let expected = Number.POSITIVE_INFINITY
  let read = 0
  const reading = (async () => {
    for await (const _record of stream) {
      read += 1
      if (read === expected) return
    }
  })()
  const { sends } = await sendAsFastAsPossible(client, name, seconds)
  expected = sends
  if (read === expected) await stream.close()
  await reading
  return { sends: read, seconds: (performance.now() - startMs) / 1000 }
}

function sendStamped(producer: Producer, target: ReturnType<typeof bytesTopic>): Promise<unknown> {
  const stamped = new Uint8Array(value)
  new DataView(stamped.buffer).setFloat64(0, performance.now())
  return producer.send(target, stamped)
}

function bytesTopic(name: string) {
  return topic(name, { codec: 'bytes' })
}

/** Begins `perSecond` calls a second, and resolves when all have. */
async function atRate(
  perSecond: number,
  seconds: number,
  begin: () => Promise<unknown>,
): Promise<void> {
  const startMs = performance.now()
  const count = Math.round(perSecond * seconds)
  const calls: Promise<unknown>[] = []
  for (let index = 0; index < count; index++) {
    const waitMs = startMs + (index * 1000) / perSecond - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    calls.push(begin())
  }
  await Promise.all(calls)
}

function record(into: Histogram, startMs: number): void {
  into.recordValue(Math.max(1, Math.round((performance.now() - startMs) * 1000)))
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
