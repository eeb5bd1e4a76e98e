// Sends a large text file line by line through the cluster, reads it back and compares. Nodes may
// be killed and restarted meanwhile: the producer goes on with the next leader, and no line is
// lost, doubled or out of order.
import { createReadStream, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type Client, connect, type Topic, topic } from '@quorate/client'
import { assemble } from './assemble.ts'

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: 'nats://127.0.0.1:4222' },
    folder: { type: 'string', default: join(import.meta.dirname, '../../node_modules') },
    lines: { type: 'string', default: '200000' },
    file: { type: 'string', default: join(mkdtempSync(join(tmpdir(), 'lines-')), 'lines.txt') },
    topic: { type: 'string', default: `log-lines-${Date.now()}` },
  },
})

const folders = [options.folder, join(process.execPath, '../..')]
const count = assemble(options.file, folders, Number(options.lines))
console.log(`${count} lines in ${options.file}`)

const client = await connect(options.server.split(','))
const lines = topic(options.topic, { codec: 'text' })
await client.admin.createTopic(lines, { partitions: 6, replicas: 3 })
console.log(`topic ${lines.name} has 6 partitions, each on 3 nodes`)

let started = Date.now()
await produce(client, lines, options.file)
console.log(`produced ${count} lines in ${Date.now() - started} ms`)

started = Date.now()
const problems = await compare(client, lines, options.file)
console.log(`read and compared in ${Date.now() - started} ms`)
await client.close()
for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'every line once and in order' : 'NOT equal')
process.exitCode = problems.length === 0 ? 0 : 1

/** Each line with its source's path as key, so that the lines of one source stay in order. */
async function produce(client: Client, lines: Topic<string>, file: string): Promise<void> {
  const producer = client.producer()
  let sent = 0
  let acknowledged = 0
  let lost: unknown
  for await (const line of linesOf(file)) {
    const { key, text } = split(line)
    producer.send(lines, text, { key }).then(
      () => {
        acknowledged += 1
        if (acknowledged % 20_000 === 0) console.log(`acknowledged ${acknowledged} lines`)
      },
      (error: unknown) => {
        lost = error
      },
    )
    sent += 1
    // The producer bounds its bytes; this bounds what waits before it.
    if (sent % 10_000 === 0) await producer.flush()
    if (lost !== undefined) throw lost
  }
  await producer.close()
  if (lost !== undefined) throw lost
}

/** What is wrong with what the topic holds, compared with the file. */
async function compare(client: Client, lines: Topic<string>, file: string): Promise<string[]> {
  const read = new Map<string, string[]>()
  const next = new Map<number, number>()
  const problems: string[] = []
  for await (const record of client.stream(lines, { until: 'end' })) {
    const { partition, offset, key, value } = record
    const expected = next.get(partition) ?? 0
    if (offset !== expected)
      problems.push(`partition ${partition}: ${offset} follows ${expected - 1}`)
    next.set(partition, offset + 1)
    const texts = read.get(key ?? '')
    if (texts === undefined) read.set(key ?? '', [value])
    else texts.push(value)
  }
  const position = new Map<string, number>()
  for await (const line of linesOf(file)) {
    const { key, text } = split(line)
    const index = position.get(key) ?? 0
    position.set(key, index + 1)
    if (read.get(key)?.[index] !== text) problems.push(`${key}: line ${index + 1} differs`)
  }
  for (const [key, texts] of read) {
    const expected = position.get(key) ?? 0
    if (texts.length !== expected) problems.push(`${key}: ${texts.length} lines, not ${expected}`)
  }
  return problems.slice(0, 20)
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
}

function split(line: string): { key: string; text: string } {
  const tab = line.indexOf('\t')
  return { key: line.slice(0, tab), text: line.slice(tab + 1) }
}
