// A stock @nats-io client against doors on real loopback TCP. The three doors' routers are joined
// in this process; the mesh itself has its own tests.

import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { keyedRandom } from '@quorate/actors'
import { type Chunks, QuorateError } from '@quorate/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import type { PeerKind } from '../../src/core-messaging/peer-transport.ts'
import { CoreRouter } from '../../src/core-messaging/router.ts'
import { type ApiHandler, errorReply, jsonReply } from '../../src/doors/api.ts'
import { type NatsDoor, type NatsDoorOptions, openNatsDoor } from '../../src/doors/nats/listener.ts'
import type { ByteLink } from '../../src/mesh/network.ts'
import { networkOfNode } from '../../src/mesh/network-node.ts'
import { silentLog } from '../../src/observe/log.ts'

const hostOfNode = {
  monotonicMs: (): number => Math.floor(performance.now()),
  setTimer: (fire: () => void, delayMs: number): unknown => setTimeout(fire, delayMs).unref(),
}

const opened: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of opened.reverse()) await close()
  opened.length = 0
})

function startDoor(options: Partial<NatsDoorOptions> & { router: CoreRouter }): Promise<NatsDoor> {
  const { promise, resolve, reject } = Promise.withResolvers<NatsDoor>()
  openNatsDoor(
    {
      network: networkOfNode(),
      host: hostOfNode,
      address: '127.0.0.1:0',
      nodeId: 'n1',
      serverId: 'n1-test',
      version: '0.1.0',
      nonce: () => 'nonce',
      api: () => {},
      log: silentLog,
      ...options,
    },
    (error, door) => {
      if (door === undefined) reject(error)
      else resolve(door)
    },
  )
  return promise.then((door) => {
    opened.push(() => door.close())
    return door
  })
}

function lonelyRouter(): CoreRouter {
  const transport = { send: () => {} }
  return new CoreRouter({ nodeId: 'n1', random: keyedRandom('client-test'), transport })
}

async function startOne(api: ApiHandler = () => {}): Promise<NatsDoor> {
  return startDoor({ router: lonelyRouter(), api })
}

/** Doors whose routers hand each other their frames on later turns. */
async function startThree(): Promise<NatsDoor[]> {
  const routers = new Map<string, CoreRouter>()
  for (const nodeId of ['n1', 'n2', 'n3']) {
    const send = (toNode: string, kind: PeerKind, bytes: Chunks): void => {
      setImmediate(() => routers.get(toNode)!.receive(nodeId, kind, bytes))
    }
    const random = keyedRandom(`client-test ${nodeId}`)
    routers.set(nodeId, new CoreRouter({ nodeId, random, transport: { send } }))
  }
  for (const [nodeId, router] of routers) {
    for (const other of routers.keys()) if (other !== nodeId) router.peerUp(other)
  }
  return Promise.all([...routers].map(([nodeId, router]) => startDoor({ router, nodeId })))
}

async function join(door: NatsDoor, options: object = {}): Promise<NatsConnection> {
  const client = await connect({ servers: door.address, reconnect: false, ...options })
  opened.push(() => client.close())
  return client
}

/** Returns once the client's node knows that somebody, anywhere, wants the subject. */
async function known(client: NatsConnection, subject: string): Promise<void> {
  for (;;) {
    try {
      await client.request(subject, 'known?', { timeout: 1000 })
      return
    } catch (error) {
      if (!/no responders/.test(String(error))) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('a stock NATS client', () => {
  test('connects, publishes and gets what it subscribed to, by wildcard too', async () => {
    const client = await join(await startOne())
    expect(client.info).toMatchObject({ server_name: 'n1', max_payload: 1_048_576, headers: true })
    const subscription = client.subscribe('orders.*', { max: 2 })
    client.publish('orders.new', 'one')
    client.publish('other.new', 'no')
    client.publish('orders.old', 'two')
    const texts: string[] = []
    for await (const message of subscription) texts.push(`${message.subject} ${message.string()}`)
    expect(texts).toEqual(['orders.new one', 'orders.old two'])
    expect(await client.rtt()).toBeGreaterThanOrEqual(0)
  })

  test('gets headers, empty payloads and a payload of max_payload through unchanged', async () => {
    const client = await join(await startOne())
    const subscription = client.subscribe('a', { max: 3 })
    const sent = headers()
    sent.append('trace', 'x-1')
    sent.append('trace', 'x-2')
    client.publish('a', 'with headers', { headers: sent })
    client.publish('a')
    const large = new Uint8Array(client.info!.max_payload).map((_, index) => index % 251)
    client.publish('a', large)
    const received: Msg[] = []
    for await (const message of subscription) received.push(message)
    expect(received[0]!.headers?.values('trace')).toEqual(['x-1', 'x-2'])
    expect(received[1]!.data).toHaveLength(0)
    expect(received[2]!.data).toEqual(large)
  })

  test('makes requests to another client, and to the API', async () => {
    const door = await startOne((request) => {
      if (request.verb === 'list') request.respond(jsonReply({ topics: [] }))
      else request.respond(errorReply(new QuorateError('QUORATE_UNKNOWN_TOPIC', request.topic)))
    })
    const service = await join(door)
    const client = await join(door)
    service.subscribe('double', {
      callback: (_error, message) => {
        message.respond(String(2 * Number(message.string())))
      },
    })
    await service.flush()
    expect((await client.request('double', '21')).string()).toBe('42')
    expect((await client.request('$Q.1.list')).json()).toEqual({ topics: [] })
    const failed = await client.request('$Q.1.route.nothing')
    expect(failed.headers?.get('q-error')).toBe('QUORATE_UNKNOWN_TOPIC')
    expect(failed.json()).toEqual({
      error: {
        code: 'QUORATE_UNKNOWN_TOPIC',
        message: expect.stringContaining('nothing'),
        retriable: false,
        outcome: 'not-applied',
      },
    })
    const unknown = await client.request('$Q.1.nothing')
    expect(unknown.headers?.get('q-error')).toBe('QUORATE_UNKNOWN_SUBJECT')
  })

  test('hears at once that nobody responds', async () => {
    const client = await join(await startOne())
    const started = performance.now()
    await expect(client.request('nobody.here', '', { timeout: 5000 })).rejects.toThrow(
      /no responders/,
    )
    expect(performance.now() - started).toBeLessThan(2000)
  })

  test('hears why when it forges a mesh subject, and goes on', async () => {
    const client = await join(await startOne())
    const errors: string[] = []
    const watching = (async () => {
      for await (const status of client.status()) {
        if (status.type === 'error') errors.push(status.error.message)
        if (errors.length > 0) return
      }
    })()
    client.publish('$Q.mesh.n1', 'forged')
    await watching
    expect(errors[0]).toMatch(/Permissions Violation for Publish to "\$Q.mesh.n1"/i)
    await client.flush()
  })

  test('is closed when its payload is larger than allowed', async () => {
    const client = await join(await startDoor({ router: lonelyRouter() }))
    const tooLarge = new Uint8Array(1_048_577)
    // The client checks by itself what INFO said; a client that does not is told by the door.
    client.info!.max_payload = 10_000_000
    client.publish('a', tooLarge)
    expect(String(await client.closed())).toMatch(/maximum payload violation/i)
  })

  test('shares a queue group: every message to exactly one member', async () => {
    const door = await startOne()
    const members = await Promise.all([join(door), join(door), join(door)])
    const received: string[][] = [[], [], []]
    for (const [index, member] of members.entries()) {
      member.subscribe('work', {
        queue: 'q',
        callback: (_error, message) => {
          received[index]!.push(message.string())
        },
      })
      await member.flush()
    }
    const client = await join(door)
    const sent = Array.from({ length: 100 }, (_, index) => String(index))
    for (const text of sent) client.publish('work', text)
    for (const each of [client, ...members]) await each.flush()
    expect(received.flat().sort()).toEqual(sent.sort())
    for (const each of received) expect(each.length).toBeGreaterThan(5)
  })

  test('that stops reading is cut off as a slow consumer', async () => {
    const door = await startDoor({
      router: lonelyRouter(),
      limits: { backlogBytesMax: 256 * 1024 },
    })
    const subscribed = Promise.withResolvers<ByteLink>()
    const closed = Promise.withResolvers<void>()
    let heard = ''
    networkOfNode().connect(
      door.address,
      {
        data: (chunk) => {
          heard = heard.slice(-100) + new TextDecoder().decode(chunk)
          if (heard.endsWith('PONG\r\n')) subscribed.resolve(slow!)
        },
        closed: () => closed.resolve(),
      },
      (link) => {
        slow = link
        link.write(new TextEncoder().encode('CONNECT {}\r\nSUB flood 1\r\nPING\r\n'))
      },
    )
    let slow: ByteLink | undefined
    const link = await subscribed.promise
    link.pause()
    const client = await join(door)
    const text = new Uint8Array(256 * 1024)
    while (door.counts.ended['slow-consumer'] === 0) {
      client.publish('flood', text)
      await client.flush()
    }
    expect(door.clients).toBe(1)
    link.resume()
    await closed.promise
    expect(heard).toMatch(/-ERR 'Slow Consumer'\r\n$/)
    await client.flush()
  })
})

describe('stock NATS clients on three nodes', () => {
  test('see one cluster: plain subscribers once each, a queue group once in all', async () => {
    const doors = await startThree()
    const clients = await Promise.all(doors.map((door) => join(door)))
    const plain: string[][] = [[], [], []]
    const group: string[] = []
    for (const [index, client] of clients.entries()) {
      client.subscribe('news.>', {
        callback: (_error, message) => {
          plain[index]!.push(message.string())
          if (message.reply) message.respond()
        },
      })
      if (index > 0) {
        client.subscribe('news.*', {
          queue: 'readers',
          callback: (_error, message) => {
            group.push(message.string())
          },
        })
      }
      await client.flush()
    }
    for (const client of clients) {
      const other = `news.${clients.indexOf(client)}`
      await known(client, other)
    }
    for (const each of [...plain, group]) each.length = 0
    const sent = Array.from({ length: 50 }, (_, index) => `message ${index}`)
    for (const text of sent) clients[0]!.publish('news.today', text)
    while (plain.some((each) => each.length < 50) || group.length < 50) {
      for (const client of clients) await client.flush()
    }
    for (const each of plain) expect(each).toEqual(sent)
    expect(group.sort()).toEqual([...sent].sort())
  })

  test('request and answer across nodes, and hear when no node has a responder', async () => {
    const doors = await startThree()
    const [asker, responder] = await Promise.all([join(doors[0]!), join(doors[2]!)])
    await expect(asker.request('service', '')).rejects.toThrow(/no responders/)
    const subscription = responder.subscribe('service', {
      callback: (_error, message) => {
        message.respond(`re: ${message.string()}`)
      },
    })
    await responder.flush()
    await known(asker, 'service')
    expect((await asker.request('service', 'hello')).string()).toBe('re: hello')
    const large = new Uint8Array(1_048_576).fill(65)
    expect((await asker.request('service', large.subarray(0, 1_048_570))).data.length).toBe(
      1_048_574,
    )
    subscription.unsubscribe()
    await responder.flush()
    await new Promise((resolve) => setImmediate(resolve))
    await expect(asker.request('service', '')).rejects.toThrow(/no responders/)
  })
})

test('a port that is taken is named', async () => {
  const door = await startOne()
  await expect(startDoor({ router: lonelyRouter(), address: door.address })).rejects.toMatchObject({
    code: 'QUORATE_PORT_IN_USE',
  })
})
