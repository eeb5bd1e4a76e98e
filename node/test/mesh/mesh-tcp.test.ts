import { randomBytes } from 'node:crypto'
import { ActorSystem, type Host, keyedRandom, noProbe } from '@quorate/actors'
import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import { afterEach, expect, test } from 'vitest'
import { createMesh, type Mesh } from '../../src/mesh/mesh.ts'
import type { Listener } from '../../src/mesh/network.ts'
import { networkOfNode } from '../../src/mesh/network-node.ts'
import { comparable, entriesAfter, joined, logStart, type Message } from './entries.ts'
import { type DoorNode, TestDoor } from './mesh-harness.ts'

const host: Host = {
  monotonicMs: () => Math.floor(performance.now()),
  wallMs: () => Date.now(),
  setTimer: (fire, delayMs) => setTimeout(fire, delayMs),
  clearTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
  nextTurn: (run) => void setImmediate(run),
}
const nonce = (): string => randomBytes(16).toString('hex')
const network = networkOfNode()
const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

interface RealNode {
  readonly mesh: Mesh
  readonly listener: Listener
  readonly raft: Message[]
  readonly up: Promise<void>
  readonly lost: Promise<void>
  /** Ends its incoming connections, as the death of its process would. */
  die(): void
}

async function start(id: string, peerId: string, peerAddress: string): Promise<RealNode> {
  const up = Promise.withResolvers<void>()
  const lost = Promise.withResolvers<void>()
  const raft: Message[] = []
  const links = new Set<{ destroy(): void }>()
  let door: DoorNode | undefined
  const listener = await new Promise<Listener>((resolve, reject) => {
    network.listen(
      '127.0.0.1:0',
      (link) => {
        links.add(link)
        return new TestDoor(door!, link, nonce()).handlers
      },
      (error, bound) => (error === undefined ? resolve(bound) : reject(error)),
    )
  })
  const system = new ActorSystem({ name: id, host, random: keyedRandom(id) })
  const mesh = createMesh({
    network,
    system,
    clock: host,
    probe: noProbe,
    self: {
      clusterId: 'c1',
      secret: 'ab'.repeat(32),
      nodeId: id,
      incarnation: id,
      session: 1,
      address: listener.address,
    },
    peers: new Map([[peerId, { address: peerAddress, incarnation: peerId }]]),
    nonce,
    events: {
      raft: (_group, _from, _to, message) => void raft.push(message),
      request: ({ payload, respond }) => respond({ payload }),
      message: () => {},
      peerUp: () => up.resolve(),
      peerDown: () => {},
      connectionLost: () => lost.resolve(),
      strangerRefused: () => {},
      addressChanged: () => {},
      log: () => {},
    },
  })
  door = { id, mesh, frames: [], damage: undefined }
  const die = (): void => {
    listener.close()
    for (const link of links) link.destroy()
    mesh.close()
  }
  open.push({ close: die })
  return { mesh, listener, raft, up: up.promise, lost: lost.promise, die }
}

const request = (mesh: Mesh, payload: Chunks): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    mesh.request('n2', 'echo', undefined, payload, 10_000, (error, reply) =>
      error === undefined ? resolve(joinChunks(reply!.payload)) : reject(error),
    )
  })

test('two meshes over TCP exchange large appends and requests, and notice a death at once', async () => {
  const n1 = await start('n1', 'n2', '127.0.0.1:1')
  // n1 does not know where n2 is; n2 tells it in the handshake.
  const n2 = await start('n2', 'n1', n1.listener.address)
  await Promise.all([n1.up, n2.up])

  const entries = entriesAfter(logStart, 4, [900_000])
  const append: Message = { type: 'append', term: 4, previous: logStart, entries, commit: 0 }
  const group = { topicId: 5, partition: 0 }
  for (let count = 0; count < 10; count++) n1.mesh.sendRaft('n2', group, 1, 2, append)
  const payload = new Uint8Array(300_000).map((_, index) => index % 251)
  const replies = await Promise.all([1, 2, 3].map(() => request(n1.mesh, chunksOf(payload))))
  for (const reply of replies) expect(Buffer.from(reply).equals(payload)).toBe(true)
  // Requests went behind the appends on the same link.
  expect(n2.raft).toHaveLength(10)
  const last = n2.raft.at(-1)!
  if (last.type !== 'append') throw new Error('no append')
  expect({ ...last, entries: last.entries.length }).toMatchObject({ term: 4, entries: 1 })
  expect(joined(last.entries[0]!.payload).length).toBe(entries[0]!.payload.byteLength)
  expect((comparable(last) as { commit: number }).commit).toBe(0)

  n2.die()
  await n1.lost
  await expect(request(n1.mesh, chunksOf(payload))).rejects.toMatchObject({
    code: 'QUORATE_CONNECTION_FAILED',
    outcome: 'not-applied',
  })
})
