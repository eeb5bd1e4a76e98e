import { createServer, type Server, type Socket } from 'node:net'
import { Simulation } from '@quorate/actors/testing'
import type { Chunks } from '@quorate/protocol'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeHost } from '../src/host-node.ts'
import type { Link, LinkMessage, LinkOpener, RequestFailure } from '../src/link.ts'
import { natsLinkOpener } from '../src/link-nats.ts'
import type { ByteLinkHandlers, ByteNetwork } from '../src/testing/link-bytes.ts'
import { byteLinkOpener } from '../src/testing/link-bytes.ts'
import type { MiniRequest } from './support/mini-server.ts'
import { MiniServer } from './support/mini-server.ts'
import { bytesOf, textOf } from './support/world.ts'

// Both links, the one over @nats-io and the one over byte links, keep the same contract.

interface Rig {
  readonly opener: LinkOpener
  readonly address: string
  /** The server side of the newest connection. */
  server(): MiniServer
  hangUp(): void
  close(): void
}

type Serve = (request: MiniRequest) => void

function pieces(bytes: Chunks | Uint8Array): readonly Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes] : bytes.pieces
}

async function natsRig(serve: Serve): Promise<Rig> {
  const sockets: Socket[] = []
  let mini: MiniServer | undefined
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const created = new MiniServer((bytes) => {
      for (const piece of pieces(bytes)) socket.write(piece)
    }, serve)
    mini = created
    socket.on('data', (chunk) => created.received(chunk))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    opener: natsLinkOpener(nodeHost()),
    address: `127.0.0.1:${port}`,
    server: () => mini!,
    hangUp: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** One byte per chunk, each on a turn of its own: nothing may depend on how bytes are cut. */
function bytesRig(serve: Serve): Rig {
  let mini: MiniServer | undefined
  let hangUp = () => {}
  const address = 'n1:4222'
  const network: ByteNetwork = {
    connect(to: string, handlers: ByteLinkHandlers, open) {
      if (to !== address) {
        setImmediate(() => handlers.closed(new Error('refused')))
        return
      }
      let closed = false
      const end = () => {
        if (!closed) setImmediate(() => handlers.closed())
        closed = true
      }
      hangUp = end
      setImmediate(() => {
        const created: MiniServer[] = []
        open({
          write: (bytes) => {
            const copy = pieces(bytes).map((piece) => piece.slice())
            setImmediate(() => {
              for (const piece of copy) {
                for (let i = 0; i < piece.length && !closed; i += 1) {
                  created[0]!.received(piece.subarray(i, i + 1))
                }
              }
            })
          },
          end,
          destroy: end,
        })
        mini = new MiniServer((bytes) => {
          const copy = pieces(bytes).map((piece) => piece.slice())
          setImmediate(() => {
            for (const piece of copy) {
              for (let i = 0; i < piece.length && !closed; i += 1) {
                handlers.data(piece.slice(i, i + 1))
              }
            }
          })
        }, serve)
        created.push(mini)
      })
    },
  }
  const opener = byteLinkOpener(network, nodeHost(), new Simulation(1).random)
  return { opener, address, server: () => mini!, hangUp: () => hangUp(), close: () => hangUp() }
}

const rigs: Rig[] = []
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close()
})

async function open(kind: 'nats' | 'bytes', serve: Serve) {
  const rig = kind === 'nats' ? await natsRig(serve) : bytesRig(serve)
  rigs.push(rig)
  const closed = Promise.withResolvers<Error | undefined>()
  const link = await new Promise<Link>((resolve, reject) => {
    rig.opener.open(rig.address, { opened: resolve, failed: reject, closed: closed.resolve })
  })
  return { rig, link, closed: closed.promise }
}

function request(
  link: Link,
  subject: string,
  payload: string,
  timeoutMs = 5_000,
  headers?: Record<string, string>,
) {
  return new Promise<{ failure: RequestFailure | undefined; reply: LinkMessage | undefined }>(
    (resolve) => {
      const done = (failure?: RequestFailure, reply?: LinkMessage) => resolve({ failure, reply })
      link.request(subject, bytesOf(payload), timeoutMs, done, headers)
    },
  )
}

describe.each(['nats', 'bytes'] as const)('a link over %s', (kind) => {
  test('gets the reply to each of many requests at once, with its headers', async () => {
    const { link } = await open(kind, (incoming) => {
      incoming.reply(`${incoming.payload}!`, { 'Q-Error': 'CODE', Other: incoming.subject })
    })
    const texts = Array.from({ length: 50 }, (_, index) => `m${index}`)
    const replies = await Promise.all(texts.map((text) => request(link, '$Q.1.list', text)))
    expect(replies.map(({ reply }) => textOf(reply!.payload))).toEqual(
      texts.map((text) => `${text}!`),
    )
    expect(replies[0]!.reply!.headers).toMatchObject({ 'q-error': 'CODE', other: '$Q.1.list' })
    link.close()
  })

  test('sends headers and large payloads as they are', async () => {
    const seen: MiniRequest[] = []
    const { link } = await open(kind, (incoming) => {
      seen.push(incoming)
      incoming.reply('x'.repeat(incoming.payload.length))
    })
    const large = 'a'.repeat(100_000)
    const { reply } = await request(link, 'subject.one', large, 5_000, { 'q-key': 'k' })
    expect(reply!.payload.byteLength).toBe(100_000)
    expect(seen[0]).toMatchObject({ payload: large, headers: expect.stringContaining('q-key: k') })
    link.close()
  })

  test('says no-responders, timeout and closed apart', async () => {
    const { link, rig, closed } = await open(kind, (incoming) => {
      if (incoming.subject === 'nobody') incoming.noResponders()
    })
    expect((await request(link, 'nobody', '')).failure).toBe('no-responders')
    expect((await request(link, 'silent', '', 20)).failure).toBe('timeout')
    const pending = request(link, 'silent', '')
    rig.hangUp()
    expect((await pending).failure).toBe('closed')
    await closed
    expect((await request(link, 'late', '')).failure).toBe('closed')
    link.publish('late', bytesOf('x'))
  })

  test('delivers what it has subscribed to until that ends', async () => {
    const { link, rig } = await open(kind, (incoming) => incoming.reply('ok'))
    const received: string[] = []
    const stop = link.subscribe('$Q.1.event.leaders', ({ payload }) =>
      received.push(textOf(payload)),
    )
    await request(link, 'sync', '')
    rig.server().publish('$Q.1.event.leaders', 'one')
    rig.server().publish('other', 'no')
    await request(link, 'sync', '')
    stop()
    await request(link, 'sync', '')
    rig.server().publish('$Q.1.event.leaders', 'two')
    await request(link, 'sync', '')
    expect(received).toEqual(['one'])
    link.close()
  })

  test('close ends requests and reports once', async () => {
    const { link, closed } = await open(kind, () => {})
    const pending = request(link, 'silent', '')
    link.close()
    expect((await pending).failure).toBe('closed')
    await closed
    link.close()
  })

  test('a refused connection fails', async () => {
    const { rig } = await open(kind, () => {})
    const failed = new Promise<Error>((resolve, reject) => {
      rig.opener.open(kind === 'nats' ? '127.0.0.1:1' : 'nowhere:1', {
        opened: reject,
        failed: resolve,
        closed: reject,
      })
    })
    expect((await failed).message).toContain('refused')
  })

  test('answers pings and survives garbage as a closed connection', async () => {
    const { link, rig, closed } = await open(kind, (incoming) => incoming.reply('ok'))
    rig.server().write(bytesOf('PING\r\n'))
    expect((await request(link, 'sync', '')).reply).toBeDefined()
    if (kind === 'bytes') {
      rig.server().write(bytesOf('GARBAGE\r\n'))
      await closed
    }
    link.close()
  })
})
