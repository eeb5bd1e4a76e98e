// `quorate produce`: a record per line, from a file or standard input, as the bytes they are. Lines
// go on while earlier ones are on their way, within a bound. What is printed per record comes in the
// order of the lines. The first line that fails ends it; how many were acknowledged is said then.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { type Producer, QuorateError, type SendResult, type Topic, topic } from '@quorate/client'
import { maxBatchBytes } from '@quorate/protocol'
import { optionalWholeNumber } from './arguments.ts'
import { lines } from './lines.ts'
import { failWithoutReader, Output, outputFormat } from './output.ts'
import { Progress } from './progress.ts'
import { type ClientOptions, interruption, withClient } from './session.ts'

interface ProduceOptions extends ClientOptions {
  readonly file?: string
  readonly keyField?: string
  readonly partition?: string
}

interface Input {
  readonly stream: Readable
  /** Of a file; a pipe has none. */
  readonly sizeBytes: number | undefined
  /** Somebody types it: a progress line would come between. */
  readonly typed: boolean
}

export async function runProduce(name: string, options: ProduceOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json', 'jsonl'])
  const partition = optionalWholeNumber('--partition', options.partition, 0, 1023)
  const target = topic(name, { codec: 'bytes' })
  const input = await openInput(options.file)
  failWithoutReader()
  const signal = interruption()
  signal.addEventListener('abort', () => input.stream.destroy())
  const sent = withClient(
    options,
    async (client) => {
      const sending = new Sending(client.producer(), target, format !== 'table', input)
      sending.failed = () => input.stream.destroy()
      try {
        for await (const line of lines(input.stream, maxBatchBytes)) {
          if (sending.failure !== undefined) break
          const key = keyOf(line, options.keyField, sending.sent + 1)
          sending.send(line, {
            ...(key === undefined ? {} : { key }),
            ...(partition === undefined ? {} : { partition }),
          })
          await sending.room()
        }
      } catch (error) {
        // A stream that was destroyed says so here; why it was is known.
        if (!signal.aborted) sending.failure ??= error
      }
      await sending.end(signal)
    },
    signal,
  )
  await sent.catch((error: unknown) => {
    if (error !== signal.reason || !signal.aborted) throw error
    process.stderr.write('interrupted; nothing was sent\n')
    process.exitCode = 1
  })
}

async function openInput(file: string | undefined): Promise<Input> {
  if (file === undefined) {
    if (process.stdin.isTTY) process.stderr.write('one record per line; Ctrl-D ends\n')
    return { stream: process.stdin, sizeBytes: undefined, typed: process.stdin.isTTY }
  }
  try {
    const found = await stat(file)
    if (found.isDirectory()) throw new Error('it is a folder')
    const sizeBytes = found.isFile() ? found.size : undefined
    return { stream: createReadStream(file), sizeBytes, typed: false }
  } catch (cause) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `--file ${file}`, { cause })
  }
}

const recordsInFlightMax = 20_000
const bytesInFlightMax = 64 * 1024 * 1024

class Sending {
  sent = 0
  /** Of the first line that failed. */
  failure: unknown
  /** Called with it: nothing more need be read, also when no further line comes for long. */
  failed: () => void = () => {}
  readonly #producer: Producer
  readonly #topic: Topic<Uint8Array>
  readonly #perRecord: boolean
  readonly #progress: Progress
  readonly #output = new Output()
  #acknowledged = 0
  #failed = 0
  #bytesInFlight = 0
  /** Settles when every line so far has been settled and printed. */
  #printed: Promise<void> = Promise.resolve()
  #wake: (() => void) | undefined

  constructor(
    producer: Producer,
    target: Topic<Uint8Array>,
    perRecord: boolean,
    { sizeBytes, typed }: Input,
  ) {
    this.#producer = producer
    this.#topic = target
    this.#perRecord = perRecord
    const shown = process.stderr.isTTY && !typed && !perRecord
    this.#progress = new Progress(sizeBytes, shown ? process.stderr : undefined)
  }

  send(line: Uint8Array, options: { key?: string; partition?: number }): void {
    this.sent += 1
    const number = this.sent
    const bytes = line.byteLength
    this.#bytesInFlight += bytes
    const result = this.#producer.send(this.#topic, line, options).then(
      (place) => {
        this.#acknowledged += 1
        this.#progress.add(bytes + 1)
        this.#settled(bytes)
        return place
      },
      (error: unknown) => {
        this.#failed += 1
        if (this.failure === undefined) {
          this.failure = atLine(error, number)
          this.failed()
        }
        this.#settled(bytes)
        return undefined
      },
    )
    if (this.#perRecord) this.#printed = this.#printed.then(async () => this.#print(await result))
    else this.#printed = Promise.all([this.#printed, result]).then(() => {})
  }

  /** Resolves when another line may be sent. */
  async room(): Promise<void> {
    while (this.#isFull) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  async end(signal: AbortSignal): Promise<void> {
    await this.#printed
    await this.#output.flush()
    await this.#producer.close()
    this.#progress.end()
    const count = `${this.#acknowledged} of ${this.sent} records acknowledged`
    if (this.failure !== undefined) {
      process.stderr.write(`${count}, ${this.#failed} refused or unknown\n`)
      throw this.failure
    }
    if (signal.aborted) {
      process.stderr.write(`interrupted; ${count}\n`)
      process.exitCode = 1
    } else if (!this.#perRecord)
      process.stdout.write(
        `${this.sent} ${this.sent === 1 ? 'record' : 'records'} to ${this.#topic.name}\n`,
      )
  }

  get #isFull(): boolean {
    const inFlight = this.sent - this.#acknowledged - this.#failed
    return inFlight >= recordsInFlightMax || this.#bytesInFlight >= bytesInFlightMax
  }

  #settled(bytes: number): void {
    this.#bytesInFlight -= bytes
    if (this.#isFull) return
    this.#wake?.()
    this.#wake = undefined
  }

  #print(place: SendResult | undefined): Promise<void> | undefined {
    if (place === undefined) return undefined
    const { partition, offset } = place
    const line = JSON.stringify({ topic: this.#topic.name, partition, offset })
    return this.#output.add(Buffer.from(`${line}\n`))
  }
}

/** The same error with the line in front; the outcome stays. */
function atLine(error: unknown, number: number): unknown {
  if (!(error instanceof QuorateError)) return error
  const { code, detail, outcome } = error
  const where = detail === undefined ? `line ${number}` : `line ${number}: ${detail}`
  return new QuorateError(code, `${where} (outcome: ${outcome})`, { cause: error.cause, outcome })
}

function keyOf(line: Uint8Array, field: string | undefined, number: number): string | undefined {
  if (field === undefined) return undefined
  let value: unknown
  try {
    value = (JSON.parse(new TextDecoder().decode(line)) as Record<string, unknown> | null)?.[field]
  } catch (cause) {
    throw new QuorateError('QUORATE_DECODE_FAILED', `line ${number} is not JSON`, { cause })
  }
  if (value === undefined || value === null) {
    throw new QuorateError('QUORATE_DECODE_FAILED', `line ${number} has no field ${field}`)
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}
