import net from 'node:net'
import { chunksOf } from '@quorate/protocol'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ByteLink, Listener } from '../../src/mesh/network.ts'
import { networkOfNode } from '../../src/mesh/network-node.ts'

const network = networkOfNode()
const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

interface Accepted {
  readonly link: ByteLink
  readonly chunks: Uint8Array[]
  readonly closed: Promise<Error | undefined>
}

function byteCount(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
}

function listen(accepted: (end: Accepted) => void, address = '127.0.0.1:0'): Promise<Listener> {
  return new Promise((resolve, reject) => {
    network.listen(
      address,
      (link) => {
        const chunks: Uint8Array[] = []
        const { promise, resolve: closed } = Promise.withResolvers<Error | undefined>()
        accepted({ link, chunks, closed: promise })
        open.push({ close: () => link.destroy() })
        return { data: (chunk) => chunks.push(chunk), closed }
      },
      (error, listener) => {
        if (error !== undefined) return reject(error)
        open.push(listener)
        resolve(listener)
      },
    )
  })
}

interface Dialled extends Accepted {
  drained(): Promise<void>
}

function dial(address: string, timeoutMs?: number): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    const { promise, resolve: closed } = Promise.withResolvers<Error | undefined>()
    let drained = Promise.withResolvers<void>()
    network.connect(
      address,
      {
        data: (chunk) => chunks.push(chunk),
        closed: (error) => {
          closed(error)
          reject(error ?? new Error('closed'))
        },
        drained: () => {
          drained.resolve()
          drained = Promise.withResolvers()
        },
      },
      (link) => {
        open.push({ close: () => link.destroy() })
        resolve({ link, chunks, closed: promise, drained: () => drained.promise })
      },
      timeoutMs === undefined ? undefined : { timeoutMs },
    )
  })
}

async function pair(): Promise<{ near: Dialled; far: Accepted }> {
  const { promise, resolve } = Promise.withResolvers<Accepted>()
  const listener = await listen(resolve)
  const near = await dial(listener.address)
  return { near, far: await promise }
}

describe('links', () => {
  test('carry small and large pieces in order and gather what one turn writes', async () => {
    const { near, far } = await pair()
    const pieces = [3, 511, 512, 5, 200_000, 1, 1, 70_000, 2].map((size, index) =>
      new Uint8Array(size).fill(index + 1),
    )
    near.link.write(chunksOf(...pieces.slice(0, 5)))
    for (const piece of pieces.slice(5)) near.link.write(piece)
    const total = byteCount(pieces)
    expect(near.link.backlogBytes).toBe(total)
    near.link.end()
    expect(await far.closed).toBeUndefined()
    expect(Buffer.concat(far.chunks).equals(Buffer.concat(pieces))).toBe(true)
    expect(await near.closed).toBeUndefined()
  })

  test('carry 8 MiB both ways', async () => {
    const { near, far } = await pair()
    const half = new Uint8Array(4 * 1024 * 1024).map((_, index) => index % 251)
    near.link.write(chunksOf(half, half))
    far.link.write(chunksOf(half, half))
    near.link.end()
    await Promise.all([far.closed, near.closed])
    expect(byteCount(far.chunks)).toBe(2 * half.byteLength)
    expect(Buffer.concat(far.chunks).subarray(half.byteLength).equals(half)).toBe(true)
    expect(byteCount(near.chunks)).toBe(2 * half.byteLength)
  })

  test('many small writes of one turn arrive in few chunks', async () => {
    const { near, far } = await pair()
    for (let count = 0; count < 1_000; count++) near.link.write(Uint8Array.of(count % 256, 7))
    near.link.end()
    await far.closed
    expect(byteCount(far.chunks)).toBe(2_000)
    expect(far.chunks.length).toBeLessThan(5)
  })

  test('report a backlog while the other end does not read, and when it has drained', async () => {
    const { near, far } = await pair()
    far.link.pause()
    const block = new Uint8Array(16 * 1024 * 1024)
    near.link.write(block)
    await new Promise((resolve) => setImmediate(resolve))
    expect(near.link.backlogBytes).toBeGreaterThan(0)
    const drained = near.drained()
    far.link.resume()
    await drained
    expect(near.link.backlogBytes).toBe(0)
    near.link.end()
    await far.closed
    expect(byteCount(far.chunks)).toBe(block.byteLength)
  })

  test('destroy closes this end without error and the other end notices', async () => {
    const { near, far } = await pair()
    let sameTurn = true
    void near.closed.then(() => expect(sameTurn).toBe(false))
    near.link.destroy()
    sameTurn = false
    expect(await near.closed).toBeUndefined()
    await far.closed
    near.link.write(Uint8Array.of(1))
    near.link.end()
    expect(near.link.backlogBytes).toBe(0)
  })

  test('a reset by the other side is an error with its code', async () => {
    const server = net.createServer((socket) => socket.resetAndDestroy())
    open.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const error = await dial(`127.0.0.1:${port}`).then(
      ({ closed }) => closed,
      (refused: unknown) => refused,
    )
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('addresses', () => {
  test('port 0 becomes the port that was bound, and a closed listener refuses', async () => {
    const listener = await listen(() => {})
    expect(listener.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
    listener.close()
    await expect(dial(listener.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('a port in use is an error with its code', async () => {
    const { address } = await listen(() => {})
    await expect(listen(() => {}, address)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test.each(['nonsense', ':4222', 'host:', 'host:70000', '::1:4222', 'host:1e3'])(
    '%s is refused on a later turn, for both uses',
    async (address) => {
      const failure = { code: 'QUORATE_INVALID_ARGUMENT' }
      await expect(dial(address)).rejects.toMatchObject(failure)
      await expect(listen(() => {}, address)).rejects.toMatchObject(failure)
    },
  )

  test('an attempt that takes too long ends with ETIMEDOUT, a made connection is left alone', async () => {
    const { address } = await listen(() => {})
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const late = dial(address, 50)
      vi.advanceTimersByTime(50)
      await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      const { link } = await dial(address, 50)
      expect(vi.getTimerCount()).toBe(0)
      expect(link.peer).toBe(address)
    } finally {
      vi.useRealTimers()
    }
  })
})
