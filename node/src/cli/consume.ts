// `quorate consume`: prints the records a topic holds when the command starts, or goes on with
// --follow. `raw` prints the bytes stored and a newline, `jsonl` one object per record.
import { type StreamOptions, type StreamRecord, topic } from '@quorate/client'
import { optionalWholeNumber, wholeNumber } from './arguments.ts'
import { Output, outputFormat } from './output.ts'
import { type ClientOptions, interruption, withClient } from './session.ts'
import { UsageError } from './usage-error.ts'

interface ConsumeOptions extends ClientOptions {
  readonly from: string
  readonly partition?: string
  readonly max?: string
  readonly follow?: boolean
}

export async function runConsume(name: string, options: ConsumeOptions): Promise<void> {
  const format = outputFormat(options.output, ['raw', 'jsonl'])
  const max =
    optionalWholeNumber('--max', options.max, 1, Number.MAX_SAFE_INTEGER) ?? Number.MAX_SAFE_INTEGER
  const source = topic(name, { codec: 'bytes' })
  const position = streamOptions(options)
  const signal = interruption()
  const output = new Output()
  try {
    await withClient(
      options,
      async (client) => {
        let count = 0
        for await (const record of client.stream(source, { ...position, signal })) {
          await output.add(format === 'raw' ? rawLine(record) : jsonLine(name, record))
          count += 1
          if (count >= max) break
        }
        if (count === 0) process.stderr.write(`no records in ${name} there\n`)
      },
      signal,
    )
  } catch (error) {
    if (!signal.aborted) throw error
    // Ctrl-C is how --follow ends; anything else has not come to its end.
    if (options.follow !== true) process.exitCode = 1
  } finally {
    await output.flush()
  }
}

/** Without `until` a stream goes on for ever. */
export function streamOptions(
  options: Pick<ConsumeOptions, 'from' | 'partition' | 'follow'>,
): StreamOptions {
  const { from, follow } = options
  const partition = optionalWholeNumber('--partition', options.partition, 0, 1023)
  const until = follow === true ? {} : { until: 'end' as const }
  const partitions = partition === undefined ? {} : { partitions: [partition] }
  if (from === 'earliest') return { from, ...until, ...partitions }
  if (from === 'latest') {
    if (follow !== true) throw new UsageError('--from latest finds nothing without --follow')
    return { from, ...partitions }
  }
  if (!/^\d+$/.test(from)) {
    throw new UsageError(`--from is earliest, latest or an offset, not ${from}`)
  }
  const offset = wholeNumber('--from', from, 0, Number.MAX_SAFE_INTEGER)
  if (partition === undefined) throw new UsageError('an offset in --from needs --partition')
  return { from: { partition, offset }, ...until }
}

type BytesRecord = Omit<StreamRecord<Uint8Array | null>, 'rawHeaders'>

export function rawLine({ value }: Pick<BytesRecord, 'value'>): Uint8Array {
  const bytes = value?.byteLength ?? 0
  const line = new Uint8Array(bytes + 1)
  if (value !== null) line.set(value)
  line[bytes] = 10
  return line
}

/** What is no UTF-8 comes as base64, under another name. */
export function jsonLine(name: string, record: BytesRecord): Uint8Array {
  const { partition, offset, timestamp, keyBytes, headers, value } = record
  const body = {
    topic: name,
    partition,
    offset,
    timestamp: timestamp.toISOString(),
    ...textOrBase64('key', keyBytes),
    headers,
    ...textOrBase64('value', value),
  }
  return Buffer.from(`${JSON.stringify(body)}\n`)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOrBase64(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  try {
    return { [name]: strict.decode(bytes) }
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') }
  }
}
