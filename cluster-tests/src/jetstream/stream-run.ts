// Clients of a JetStream stream that write down what they do and see in the format of our histories:
// producers send unique values with a message id and try once more when no answer comes, readers ask
// for message after message, and somebody asks for the end. Two topics are two subjects of one
// stream, so the offsets of each, its sequence numbers, have gaps. Plain requests of the JetStream API.
import { setTimeout as pause } from 'node:timers/promises'
import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { HistoryRecorder, type ReadRecord } from 'quorate/laboratory'

const stream = 'chaos'
const topics = ['orders', 'prices'] as const
type Topic = (typeof topics)[number]

const producers = 4
/** Less than a restart takes: what is on its way then stays without an answer. */
const attemptTimeoutMs = 250
const askTimeoutMs = 2_000
const readAgainMs = 5

interface Stored {
  readonly message?: { readonly seq: number; readonly data?: string }
  readonly error?: { readonly code: number; readonly description: string }
}

export class StreamRun {
  readonly history = new HistoryRecorder({
    source: 'jetstream',
    topics: topics.map((topic) => ({ topic, partitions: 1 })),
    idempotent: true,
    retention: false,
  })
  readonly #address: string
  readonly #connections: NatsConnection[] = []
  #running = true
  #values = 0

  private constructor(address: string) {
    this.#address = address
  }

  static async start(address: string): Promise<StreamRun> {
    const run = new StreamRun(address)
    const connection = await run.#connect()
    const config = { name: stream, subjects: topics, storage: 'file', num_replicas: 1 }
    const created = await ask(connection, `STREAM.CREATE.${stream}`, config)
    if (created['error'] !== undefined) throw new Error(JSON.stringify(created['error']))
    return run
  }

  /** Sends, reads and asks until `stop`; resolves when all of it has come to its end. */
  async go(): Promise<void> {
    const working = Array.from({ length: producers }, (_, number) => this.#produce(number))
    for (const topic of topics) working.push(this.#follow(topic))
    working.push(this.#askEnds())
    await Promise.all(working)
  }

  stop(): void {
    this.#running = false
  }

  /** Everything there is, from the first message of each topic to its last. */
  async readBack(): Promise<void> {
    const connection = await this.#connect()
    const positions = topics.map((topic) => ({ topic, partition: 0, offset: 0 }))
    const of = this.history.invoke('assign', 'final', nowMs(), { positions, final: true })
    for (const topic of topics) {
      let next = 1
      for (;;) {
        const record = await read(connection, topic, next)
        if (record === undefined) break
        this.history.delivered('final', nowMs(), { records: [record] })
        next = record.offset + 1
      }
    }
    this.history.ok('assign', of, nowMs(), {})
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
  }

  async #connect(): Promise<NatsConnection> {
    const connection = await connect({
      servers: this.#address,
      reconnectTimeWait: 20,
      maxReconnectAttempts: -1,
    })
    this.#connections.push(connection)
    return connection
  }

  async #produce(number: number): Promise<void> {
    const connection = await this.#connect()
    const producer = `producer-${number}`
    while (this.#running) {
      const topic = topics[this.#values % topics.length]!
      this.#values += 1
      const value = `v${this.#values}`
      const of = this.history.invoke('send', producer, nowMs(), { topic, value, partition: 0 })
      const offset =
        (await this.#attempt(connection, topic, value)) ??
        (await this.#attempt(connection, topic, value))
      if (offset === undefined) this.history.info(of, nowMs(), 'no answer')
      else this.history.ok('send', of, nowMs(), { partition: 0, offset })
    }
  }

  /** The sequence number; undefined: nobody knows. */
  async #attempt(
    connection: NatsConnection,
    topic: Topic,
    value: string,
  ): Promise<number | undefined> {
    const head = headers()
    head.set('Nats-Msg-Id', value)
    let reply: Msg
    try {
      reply = await connection.request(topic, value, { timeout: attemptTimeoutMs, headers: head })
    } catch {
      return undefined
    }
    const { seq, error } = reply.json<{ seq?: number; error?: { description: string } }>()
    if (seq === undefined) throw new Error(`${value} was refused: ${error?.description}`)
    return seq
  }

  async #follow(topic: Topic): Promise<void> {
    const connection = await this.#connect()
    const reader = `reader-of-${topic}`
    const positions = [{ topic, partition: 0, offset: 0 }]
    this.history.invoke('assign', reader, nowMs(), { positions })
    let next = 1
    while (this.#running) {
      const of = this.history.invoke('poll', reader, nowMs(), {})
      try {
        const record = await read(connection, topic, next)
        this.history.ok('poll', of, nowMs(), { records: record === undefined ? [] : [record] })
        if (record === undefined) await pause(readAgainMs)
        else next = record.offset + 1
      } catch (error) {
        this.history.fail(of, nowMs(), String(error))
      }
    }
  }

  async #askEnds(): Promise<void> {
    const connection = await this.#connect()
    while (this.#running) {
      const asked = topics.map((topic) =>
        this.history.invoke('end', 'asker', nowMs(), { topic, partition: 0 }),
      )
      try {
        const info = await ask(connection, `STREAM.INFO.${stream}`, {})
        const { last_seq: last } = info['state'] as { readonly last_seq: number }
        for (const of of asked) this.history.ok('end', of, nowMs(), { offset: last + 1 })
      } catch (error) {
        for (const of of asked) this.history.info(of, nowMs(), String(error))
      }
      await pause(readAgainMs)
    }
  }
}

/** The first message of a topic at or behind a sequence number; undefined: there is none. */
async function read(
  connection: NatsConnection,
  topic: Topic,
  next: number,
): Promise<ReadRecord | undefined> {
  const wanted = { seq: next, next_by_subj: topic }
  const { message, error } = (await ask(connection, `STREAM.MSG.GET.${stream}`, wanted)) as Stored
  if (error !== undefined && error.code !== 404) throw new Error(error.description)
  if (message === undefined) return undefined
  const value = Buffer.from(message.data ?? '', 'base64').toString()
  return { topic, partition: 0, offset: message.seq, value }
}

async function ask(
  connection: NatsConnection,
  what: string,
  body: unknown,
): Promise<Record<string, unknown>> {
  const options = { timeout: askTimeoutMs }
  return (await connection.request(`$JS.API.${what}`, JSON.stringify(body), options)).json()
}

function nowMs(): number {
  return performance.now()
}
