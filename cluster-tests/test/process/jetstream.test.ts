// Another broker under our checkers: a stock NATS server with JetStream is killed and started again
// while clients of it write their history down. The history is legal; once it is tampered with it is
// not, and the anomaly is the one that was made.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  checkHistory,
  type HistoryEvent,
  quorate,
  readHistory,
  temporaryFolder,
  waitUntil,
  writeHistory,
} from 'quorate/laboratory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  isNatsServerInstalled,
  NatsServer,
  natsServerCommand,
} from '../../src/jetstream/nats-server.ts'
import { StreamRun } from '../../src/jetstream/stream-run.ts'

const runs = isNatsServerInstalled() || process.env['CI'] !== undefined
if (!runs) process.stderr.write(`SKIPPED 4: ${natsServerCommand} is not there; .ci/run builds it\n`)

const folder = temporaryFolder('jetstream')
const file = join(folder, 'history.jsonl')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kills = 2
const sentBetween = 150
/** Longer than both attempts of a send: what was on its way stays unknown. */
const awayMs = 700

async function recordHistory(): Promise<void> {
  const server = await NatsServer.start(folder)
  try {
    const run = await StreamRun.start(server.address)
    const gone = run.go()
    for (let kill = 1; kill <= kills; kill += 1) {
      await sent(run, kill * sentBetween)
      await server.kill()
      await pause(awayMs)
      await server.restart()
    }
    await sent(run, (kills + 1) * sentBetween)
    run.stop()
    await gone
    await run.readBack()
    await run.close()
    writeHistory(file, run.history)
  } finally {
    await server.stop()
  }
}

async function sent(run: StreamRun, count: number): Promise<void> {
  const acked = () => run.history.events.filter((event) => isOk(event, 'send')).length
  await waitUntil(`${count} sends are acked`, () => acked() >= count, { timeoutMs: 30_000 })
}

function isOk({ f, type }: HistoryEvent, wanted: HistoryEvent['f']): boolean {
  return f === wanted && type === 'ok'
}

describe.skipIf(!runs)('a history of a stock NATS server with JetStream', () => {
  beforeAll(recordHistory, 90_000)

  test('has acked and unknown sends, and is accepted', async () => {
    const { exitCode, stdout } = await quorate(['chaos', 'check', file, '-o', 'json'], {
      folder,
      environment: {},
      timeoutMs: 60_000,
    })
    const { source, counts, anomalies } = JSON.parse(stdout)
    expect({ exitCode, source }).toEqual({ exitCode: 0, source: 'jetstream' })
    const names = anomalies.map(({ name }: { readonly name: string }) => name)
    expect(names.filter((name: string) => name !== 'realtime-lag')).toEqual([])
    expect(counts.acked).toBeGreaterThanOrEqual((kills + 1) * sentBetween)
    expect(counts.unknown).toBeGreaterThan(0)
    expect(counts.read).toBeGreaterThan(counts.acked)
    expect(counts.ends).toBeGreaterThan(0)
  })

  const tamper: readonly [string, (events: HistoryEvent[]) => unknown, readonly string[]][] = [
    ['an acked record gone from the final read', dropFromFinal, ['lost-write', 'poll-skip']],
    ['an ack with the offset of another one', moveAck, ['inconsistent-offsets']],
    ['an acked send that is said to have failed', failAck, ['aborted-read']],
  ]
  test.each(tamper)('with %s is rejected', (_, change, names) => {
    const { header, events } = readHistory(file)
    const changed = structuredClone([...events])
    change(changed)
    const found = new Set(checkHistory({ header, events: changed }).map(({ name }) => name))
    for (const name of names) expect(found).toContain(name)
  })
})

/** Polls of the final read, a record each, whose record was acked: of others nothing is promised. */
function finalPollsOfAcked(events: HistoryEvent[]): HistoryEvent[] {
  const acked = new Set(
    events.flatMap((event) => (isOk(event, 'send') ? [sendOf(events, event).value] : [])),
  )
  return events.filter(
    (event) =>
      event.f === 'poll' &&
      event.type === 'ok' &&
      event.process === 'final' &&
      event.value.records.some(({ value }) => acked.has(value)),
  )
}

function sendOf(
  events: HistoryEvent[],
  { of }: HistoryEvent & { of?: number },
): {
  readonly topic: string
  readonly value: string
} {
  return events[of!]!.value as { readonly topic: string; readonly value: string }
}

function dropFromFinal(events: HistoryEvent[]): void {
  // Not the last one of its topic, behind which nothing shows that one was left out.
  Object.assign(finalPollsOfAcked(events)[1]!, { value: { records: [] } })
}

function moveAck(events: HistoryEvent[]): void {
  const acks = events.filter((event) => isOk(event, 'send'))
  const [first, ...others] = acks
  const { topic } = sendOf(events, first!)
  const second = others.find((each) => sendOf(events, each).topic === topic)!
  Object.assign(second, { value: first!.value })
}

function failAck(events: HistoryEvent[]): void {
  const ack = events.find((event) => isOk(event, 'send'))!
  Object.assign(ack, { type: 'fail', value: { code: 'changed' } })
}
