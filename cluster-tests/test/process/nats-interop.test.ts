// Programs that know nothing of quorate, the stock `nats` command and a stock @nats-io client, talk
// to nodes of one cluster: produce requests under `$Q.`, and core messaging on all other subjects.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { quorate, runCommand } from 'quorate/laboratory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DevCluster } from '../../src/process/dev-cluster.ts'

const natsCommand = resolve(import.meta.dirname, '../../../.cache/bin/nats')
const isInstalled = existsSync(natsCommand)
const mustBeInstalled = process.env['CI'] !== undefined
if (!isInstalled && !mustBeInstalled) {
  process.stderr.write(`SKIPPED 4: ${natsCommand} is not there; .ci/run builds it\n`)
}

let cluster: DevCluster

beforeAll(async () => {
  cluster = await DevCluster.start()
})
afterAll(() => cluster.stop())

/** Options that keep the command away from settings of whoever runs the test. */
async function nats(node: string, ...args: string[]) {
  const server = ['--server', `nats://${cluster.node(node).address}`, '--no-context']
  return runCommand(natsCommand, [...server, ...args], {
    timeoutMs: 15_000,
    environment: { HOME: cluster.folder, NO_COLOR: '1' },
  })
}

describe.skipIf(!isInstalled && !mustBeInstalled)('the nats command', () => {
  test('gets a JSON acknowledgement with partition and offset for a produce request, from any node', async () => {
    const offsets: number[] = []
    for (const node of ['n1', 'n2', 'n3']) {
      const args = ['req', '$Q.1.produce.orders', 'hello', '--raw', '-H', 'q-key:customer-7']
      const { exitCode, stdout, stderr } = await nats(node, ...args)
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
      const reply = JSON.parse(stdout) as Record<string, unknown>
      expect(reply).toEqual({
        topic: 'orders',
        partition: expect.any(Number),
        offset: expect.any(Number),
        duplicate: false,
      })
      offsets.push(Number(reply['offset']))
    }
    expect(offsets).toEqual([0, 1, 2])
  })

  test('is told the code of an error', async () => {
    const { stdout } = await nats('n1', 'req', '$Q.1.describe.nothing', '', '--raw')
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'QUORATE_UNKNOWN_TOPIC' } })
    const unknown = await nats('n1', 'req', '$Q.1.nonsense', '', '--raw')
    expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: 'QUORATE_UNKNOWN_SUBJECT' } })
  })

  test('receives on one node what it published on another', async () => {
    const received = nats('n1', 'sub', 'weather.>', '--count', '1', '--raw', '--wait', '10s')
    let done = false
    void received.finally(() => {
      done = true
    })
    // The command does not say when its subscription stands.
    await cluster.waitUntil('the subscriber got one', async () => {
      await nats('n2', 'pub', 'weather.today', 'sunny')
      return done
    })
    expect((await received).stdout.trim()).toBe('sunny')
  })

  test('is answered by a responder on another node, and told when nobody listens', async () => {
    const responder = await connectTo('n3')
    responder.subscribe('time.now', { callback: (_error, message) => void message.respond('noon') })
    await responder.flush()
    await cluster.waitUntil('the responder is known on n1', async () => {
      const { stdout } = await nats('n1', 'req', 'time.now', '', '--raw')
      return stdout.trim() === 'noon'
    })
    const nobody = await nats('n1', 'req', 'time.never', '', '--raw')
    expect(nobody.stdout + nobody.stderr).toMatch(/no responders/i)
  })
})

describe('a stock client library', () => {
  test('produces with key, partition and headers of its own, and reads the acknowledgement', async () => {
    const connection = await connectTo('n2')
    const head = headers()
    head.set('q-partition', '4')
    head.set('trace', 'abc')
    const reply = await connection.request('$Q.1.produce.prices', 'twelve', {
      timeout: 10_000,
      headers: head,
    })
    expect(reply.json()).toEqual({ topic: 'prices', partition: 4, offset: 0, duplicate: false })
    const { stdout } = await runQuorate('consume', 'prices', '-o', 'jsonl')
    expect(JSON.parse(stdout)).toMatchObject({
      topic: 'prices',
      partition: 4,
      offset: 0,
      headers: { trace: 'abc' },
      value: 'twelve',
    })
  })

  test('delivers a message to every subscriber once, whichever nodes they and the publisher are on', async () => {
    const connections = await Promise.all(['n1', 'n2', 'n3'].map(connectTo))
    const received = connections.map(() => [] as string[])
    for (const [index, connection] of connections.entries()) {
      connection.subscribe('news.*', {
        callback: (_error, message) => void received[index]!.push(message.string()),
      })
    }
    await interestKnown(connections, 'news')
    const sent: string[] = []
    for (const [index, connection] of connections.entries()) {
      for (let number = 0; number < 20; number++) {
        sent.push(`${index}-${number}`)
        connection.publish('news.today', `${index}-${number}`)
      }
    }
    await cluster.waitUntil('everybody has everything', () =>
      received.every((values) => values.length >= sent.length),
    )
    for (const values of received) expect(values.toSorted()).toEqual(sent.toSorted())
  })

  test('delivers a message to one member of a queue group, also when all members are on other nodes', async () => {
    const [publisher, second, third] = await Promise.all(['n1', 'n2', 'n3'].map(connectTo))
    const received: string[] = []
    for (const connection of [second!, third!]) {
      connection.subscribe('jobs', {
        queue: 'workers',
        callback: (_error, message) => void received.push(message.string()),
      })
    }
    await interestKnown([publisher!, second!, third!], 'jobs-known')
    const sent = Array.from({ length: 200 }, (_unused, index) => String(index))
    for (const value of sent) publisher!.publish('jobs', value)
    // What comes after the last message proves that no second copy is on its way.
    await interestKnown([publisher!, second!, third!], 'jobs-sent')
    await cluster.waitUntil('all jobs arrived', () => received.length >= sent.length)
    expect(received.toSorted()).toEqual(sent.toSorted())
  })

  test('is told at once when nobody listens on any node', async () => {
    const connection = await connectTo('n1')
    const request = connection.request('nobody.listens', '', { timeout: 10_000 })
    await expect(request).rejects.toThrow(/no responders/i)
  })

  test('may not use subjects of the mesh', async () => {
    const connection = await connectTo('n1')
    const refused = Promise.withResolvers<string>()
    void (async () => {
      for await (const status of connection.status()) {
        if (status.type === 'error') refused.resolve(String(status.error.message))
      }
    })()
    connection.publish('$Q.mesh.n2', 'a forged frame')
    expect(await refused.promise).toMatch(/permissions violation/i)
  })
})

async function connectTo(node: string): Promise<NatsConnection> {
  const connection = await connect({ servers: cluster.node(node).address, reconnect: false })
  onTestFinished(() => connection.close())
  return connection
}

/** Resolves when what each connection subscribed to so far is known on the nodes of all others. */
async function interestKnown(connections: readonly NatsConnection[], name: string): Promise<void> {
  for (const [index, connection] of connections.entries()) {
    connection.subscribe(`${name}.known.${index}`, {
      callback: (_error, message) => void message.respond(),
    })
  }
  for (const from of connections) {
    for (const index of connections.keys()) {
      await cluster.waitUntil(`interest of ${index} is known`, async () => {
        await from.request(`${name}.known.${index}`, '', { timeout: 1000 })
        return true
      })
    }
  }
}

function runQuorate(...args: string[]) {
  return quorate([...args, '--server', cluster.servers[0]!])
}
