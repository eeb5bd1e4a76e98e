import { chunksOf, emptyChunks } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { GroupId } from '../../src/storage/log-entry.ts'
import { entriesAfter, heartbeat, joined, logStart, type Message } from './entries.ts'
import { MeshWorld, pair, TestNode } from './mesh-harness.ts'

const partition: GroupId = { topicId: 9, partition: 2 }
const append = (term: number, sizes: readonly number[]): Message => ({
  type: 'append',
  term,
  previous: logStart,
  entries: entriesAfter(logStart, term, sizes),
  commit: 0,
})

function events(node: TestNode): string[] {
  return node.log.map(({ event }) => event)
}

describe('a reset link', () => {
  test('is dialled again at once, and both sides hear of down and up', () => {
    const { world, n1, n2 } = pair('reset')
    world.run(5_000)
    world.network.reset('n1', 'n2')
    world.run(20)
    expect(n1.peers).toEqual(['up n2', 'down n2', 'up n2'])
    expect(n2.peers).toEqual(['up n1', 'down n1', 'up n1'])
    n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
    world.run(10)
    expect(n2.raft).toHaveLength(1)
  })

  test('never delivers half a frame, nor anything twice or out of order', () => {
    let halfSent = 0
    for (let seed = 0; seed < 15; seed++) {
      const { world, n1, n2 } = pair(`half-${seed}`)
      world.network.split('n1', 'n2', 500)
      let term = 0
      for (let round = 0; round < 30; round++) {
        for (let count = 0; count < 5; count++) {
          term += 1
          n1.mesh.sendRaft('n2', partition, 1, 2, append(term, [3_000]))
        }
        world.run(0.5)
        if (round % 7 === 3) world.network.reset('n1', 'n2')
      }
      world.run(3_000)
      const terms = n2.raft.map(({ message }) => message.term)
      expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b))
      expect(terms.length).toBeGreaterThan(5)
      expect(terms.length).toBeLessThan(term)
      expect(events(n2)).not.toContain('mesh.damaged-frame')
      halfSent += world.network.counters['half-sent']
    }
    expect(halfSent).toBeGreaterThan(5)
  })

  test('that breaks each time it is up is not dialled without a pause', () => {
    const { world, n1, n2 } = pair('poison')
    n2.damage = () => chunksOf(new Uint8Array(9))
    const poison = (): void => n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
    for (let ms = 0; ms < 2_000; ms++) {
      poison()
      world.run(1)
    }
    const refusals = events(n2).filter((event) => event === 'mesh.damaged-frame').length
    expect(refusals).toBeGreaterThan(3)
    expect(refusals).toBeLessThan(15)
    n2.damage = undefined
    world.run(2_000)
    expect(n1.mesh.peerState('n2')).toBe('up')
  })
})

describe('a peer is lost', () => {
  test('when its process was killed: within milliseconds, once', () => {
    const { world, n1, n2 } = pair('kill')
    world.run(3_000)
    world.kill(n2)
    world.run(10)
    expect(n1.peers).toEqual(['up n2', 'down n2', 'lost n2'])
    world.run(10_000)
    expect(n1.peers.filter((event) => event.startsWith('lost'))).toHaveLength(1)
  })

  test('not when it only refuses new connections while the link stands', () => {
    const { world, n1, n2 } = pair('refuse')
    world.network.refuse('n2', true)
    world.run(5_000)
    expect(n1.peers).toEqual(['up n2'])
    world.network.reset('n1', 'n2')
    world.run(20)
    expect(n1.peers).toEqual(['up n2', 'down n2', 'lost n2'])
    expect(n2.peers).toEqual(['up n1', 'down n1'])
  })

  test('not when its machine falls silent: the control link closes after 2 s', () => {
    const { world, n1, n2 } = pair('silent')
    n2.host.crash()
    world.network.crash('n2', 'machine')
    world.run(1_900)
    expect(n1.peers).toEqual(['up n2'])
    world.run(1_000)
    expect(n1.peers).toEqual(['up n2', 'down n2'])
    world.run(10_000)
    expect(n1.peers).toEqual(['up n2', 'down n2'])
  })

  test('not when it is cut off, and the two find each other after healing', () => {
    const { world, n1, n2 } = pair('cut')
    world.network.cut('n1', 'n2')
    world.run(5_000)
    expect(n1.peers).toEqual(['up n2', 'down n2'])
    expect(n2.peers).toEqual(['up n1', 'down n1'])
    world.network.healAll()
    world.run(5_000)
    expect(n1.peers.at(-1)).toBe('up n2')
    expect(n2.peers.at(-1)).toBe('up n1')
  })

  test('not by a pause of its own: after it the links still stand', () => {
    const { world, n1, n2 } = pair('pause')
    n1.host.pause()
    world.run(1_500)
    n1.host.resume()
    world.run(1_000)
    expect(n1.peers).toEqual(['up n2'])
    expect(n2.peers).toEqual(['up n1'])
  })
})

describe('a restarted peer', () => {
  test('comes back with its new session, after a down', () => {
    const { world, n1, n2 } = pair('restart')
    world.run(2_000)
    world.kill(n2)
    const again = new TestNode(world, 'n2', 23)
    world.run(2_000)
    expect(n1.peers.filter((event) => event !== 'lost n2')).toEqual(['up n2', 'down n2', 'up n2'])
    again.mesh.sendRaft('n1', partition, 1, 2, heartbeat)
    world.run(10)
    expect(n1.raft).toMatchObject([{ from: 'n2', session: 23 }])
  })

  test('is found at its new address when it says so itself, unless the address is pinned', () => {
    const { world, n1, n2 } = pair('moved')
    world.kill(n2)
    world.plan.set('n2', { ...world.plan.get('n2')!, address: 'n2.test:9999' })
    const again = new TestNode(world, 'n2', 23)
    world.run(3_000)
    expect(n1.peers).toContain('at n2 n2.test:9999')
    expect(n1.peers.at(-1)).toBe('up n2')
    expect(again.peers).toEqual(['up n1'])

    const pinned = { ...world.plan.get('n2')!, address: 'proxy.test:1', pinned: true }
    n1.mesh.setPeer('n2', pinned)
    world.network.reset('n1', 'n2')
    world.run(3_000)
    expect(n1.peers.at(-1)).not.toBe('up n2')
    expect(again.mesh.peerState('n1')).toBe('down')
    n1.mesh.setPeerAddress('n2', 'n2.test:9999')
    world.run(3_000)
    expect(n1.peers.at(-1)).toBe('up n2')
  })

  test('that left the cluster is refused, and can come back as somebody else', () => {
    const { world, n1, n2 } = pair('left')
    world.run(2_000)
    n1.mesh.removePeer('n2')
    n1.mesh.removePeer('n9')
    expect(n1.mesh.peerState('n2')).toBe('down')
    world.run(3_000)
    expect(n1.peers).toEqual(['up n2', 'down n2', 'lost n2'])
    expect(n1.mesh.metrics().links.filter(({ node }) => node === 'n2')).toEqual([])
    expect(n1.mesh.metrics().peersRefused).toBeGreaterThan(0)
    expect(n1.strangers).toBe(n1.mesh.metrics().peersRefused)
    expect(n2.log).toContainEqual(
      expect.objectContaining({ event: 'mesh.link-failed', code: 'QUORATE_WRONG_NODE' }),
    )
    n1.mesh.setPeer('n2', world.plan.get('n2')!)
    world.run(3_000)
    expect(n1.peers.at(-1)).toBe('up n2')
  })

  test('of another incarnation is refused, and connections to the replaced one end', () => {
    const { world, n1, n2 } = pair('replaced')
    n1.mesh.setPeer('n2', { ...world.plan.get('n2')!, incarnation: 'f'.repeat(16) })
    world.run(3_000)
    expect(n1.peers).toEqual(['up n2', 'down n2'])
    expect(n1.log).toContainEqual(
      expect.objectContaining({ event: 'mesh.link-failed', code: 'QUORATE_WRONG_NODE' }),
    )
    expect(n1.mesh.metrics().peersRefused).toBeGreaterThan(0)
    expect(n2.log).toContainEqual(
      expect.objectContaining({ event: 'mesh.link-failed', code: 'QUORATE_WRONG_NODE' }),
    )
  })
})

describe('strangers', () => {
  test.each([
    ['another secret', { secret: 'cd'.repeat(32) }, 'QUORATE_PERMISSION'],
    ['another cluster', { clusterId: 'ffff' }, 'QUORATE_WRONG_CLUSTER'],
  ])(
    'a node with %s never comes in, and the log says so once, not at each attempt',
    (_what, overrides, code) => {
      const world = new MeshWorld('stranger', ['n1', 'n2'])
      const n1 = new TestNode(world, 'n1', 1)
      const n2 = new TestNode(world, 'n2', 2, overrides)
      world.run(10_000)
      expect([n1.peers, n2.peers]).toEqual([[], []])
      const failures = n1.log.filter(({ event }) => event === 'mesh.link-failed')
      expect(failures.filter((record) => record.code === code)).toHaveLength(2)
      expect(failures.length).toBeLessThan(6)
      expect(n1.mesh.metrics().peersRefused).toBeGreaterThan(5)
      const answer: unknown[] = []
      n1.mesh.request('n2', 's', undefined, emptyChunks, 1_000, (error) => answer.push(error?.code))
      world.run(10)
      expect(answer).toEqual(['QUORATE_CONNECTION_FAILED'])
    },
  )

  test('a server that is no node of ours is left alone after the first lines', () => {
    const greetings = ['hello\r\n', 'INFO {}\r\n', 'INFO {"nonce":"x","max_payload":1}\r\n', '']
    for (const greeting of greetings) {
      const world = new MeshWorld(`foreign ${greeting}`, ['n1', 'n2'])
      world.network.host('n2').listen(
        'n2.test:4222',
        (link) => {
          link.write(new TextEncoder().encode(greeting))
          return { data: () => {}, closed: () => {} }
        },
        () => {},
      )
      const n1 = new TestNode(world, 'n1', 1)
      world.run(10_000)
      expect(n1.peers).toEqual([])
      expect(n1.log[0]).toMatchObject({ event: 'mesh.link-failed', node: 'n2' })
      expect(world.network.links).toBeLessThanOrEqual(2)
    }
  })
})

describe('overflow', () => {
  const limits = { bulkQueueBytesMax: 400_000, controlQueueBytesMax: 2_000 }

  test('drops appends beyond the bound and counts them; requests are refused; the link stands', () => {
    const { world, n1, n2 } = pair('full', limits)
    world.network.stall('n1', 'n2', 1_000)
    for (let term = 1; term <= 20; term++) {
      n1.mesh.sendRaft('n2', partition, 1, 2, append(term, [100_000]))
      world.run(1)
    }
    const errors: unknown[] = []
    n1.mesh.request('n2', 's', undefined, chunksOf(new Uint8Array(100_000)), 5_000, (error) =>
      errors.push(error?.code),
    )
    world.run(10)
    expect(errors).toEqual(['QUORATE_OVERLOADED'])
    const bulk = n1.mesh.metrics().links.find(({ channel }) => channel === 'bulk')!
    expect(bulk.droppedFull).toBeGreaterThan(5)
    expect(bulk.queuedBytes).toBeGreaterThan(200_000)
    expect(bulk.queuedBytes).toBeLessThanOrEqual(400_000)
    world.run(3_000)
    expect(n2.raft).toHaveLength(21 - bulk.droppedFull)
    expect(n1.peers).toEqual(['up n2'])
  })

  test('an empty link takes an item larger than the bound, and no second one', () => {
    const { world, n1, n2 } = pair('one-large', limits)
    for (const term of [1, 2]) n1.mesh.sendRaft('n2', partition, 1, 2, append(term, [500_000]))
    world.run(1_000)
    expect(n2.raft.map(({ message }) => message.term)).toEqual([1])
  })

  test('a message of core messaging that is lost breaks the link, so that both sides know', () => {
    const { world, n1, n2 } = pair('core-full', limits)
    world.network.stall('n1', 'n2', 100)
    for (let count = 0; count < 12; count++) {
      n1.mesh.send('n2', 'core', chunksOf(new Uint8Array(70_000).fill(count)))
      world.run(1)
    }
    world.run(3_000)
    expect(n1.peers).toEqual(['up n2', 'down n2', 'up n2'])
    expect(n2.peers).toEqual(['up n1', 'down n1', 'up n1'])
  })
})

test('a damaged frame closes its link with an event, and nothing of it is delivered', () => {
  const { world, n1, n2 } = pair('damage')
  world.run(2_000)
  let damaged = 0
  n2.damage = (payload) => {
    damaged += 1
    const changed = Uint8Array.from(joined(payload))
    changed[changed.length - 1]! ^= 1
    n2.damage = undefined
    return chunksOf(changed)
  }
  n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
  n1.mesh.sendRaft('n2', partition, 1, 3, heartbeat)
  world.run(50)
  expect(damaged).toBe(1)
  expect(n2.raft).toEqual([])
  expect(n2.log).toContainEqual(
    expect.objectContaining({ event: 'mesh.damaged-frame', node: 'n1', channel: 'control' }),
  )
  expect(n1.peers).toEqual(['up n2', 'down n2', 'up n2'])
  n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
  world.run(50)
  expect(n2.raft).toHaveLength(1)
})

test('a link actor that fails is rebuilt and dials again', () => {
  const { world, n1, n2 } = pair('failure')
  n1.mesh.sendRaft('n2', partition, 1, 2, { ...heartbeat, term: 0.5 } as Message)
  world.run(2_000)
  expect(n1.peers).toEqual(['up n2', 'down n2', 'up n2'])
  n1.mesh.sendRaft('n2', partition, 1, 2, heartbeat)
  world.run(50)
  expect(n2.raft).toHaveLength(1)
})

test('three nodes under faults: the same seed gives the same history', () => {
  const history = (seed: string): string => {
    const world = new MeshWorld(seed, ['n1', 'n2', 'n3'])
    const nodes = ['n1', 'n2', 'n3'].map((id, index) => new TestNode(world, id, index + 1))
    world.network.split('n1', 'n2', 300)
    for (let round = 1; round <= 60; round++) {
      for (const node of nodes) {
        for (const peer of nodes) {
          if (peer !== node) node.mesh.sendRaft(peer.id, partition, 1, 2, append(round, [200]))
        }
      }
      world.run(20)
      if (round === 10) world.network.cut('n1', 'n2')
      if (round === 20) world.network.reset('n2', 'n3')
      if (round === 30) world.network.healAll()
      if (round === 40) world.kill(nodes[2]!)
    }
    const counts = nodes.map(({ raft, peers }) => `${raft.length} ${peers.join()}`)
    return `${world.simulation.hash} ${counts.join(' ')}`
  }
  expect(history('one')).toBe(history('one'))
  expect(history('one')).not.toBe(history('two'))
})
