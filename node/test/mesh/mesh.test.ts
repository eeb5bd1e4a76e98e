import { chunksOf, emptyChunks, QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import type { MeshReply } from '../../src/mesh/call-codec.ts'
import type { GroupId } from '../../src/storage/log-entry.ts'
import { comparable, entriesAfter, heartbeat, joined, logStart, type Message } from './entries.ts'
import { MeshWorld, maxPayload, pair, TestNode } from './mesh-harness.ts'

const partition: GroupId = { topicId: 9, partition: 2 }
const metadata: GroupId = { topicId: 0, partition: 0 }
const append = (term: number, sizes: readonly number[]): Message => ({
  type: 'append',
  term,
  previous: logStart,
  entries: entriesAfter(logStart, term, sizes),
  commit: 0,
})
const bytes = (...values: number[]) => chunksOf(Uint8Array.from(values))

/** What `request` was answered with. */
class Answer {
  readonly outcomes: (QuorateError | MeshReply)[] = []
  readonly done = (error: QuorateError | undefined, reply: MeshReply | undefined): void => {
    this.outcomes.push(error ?? reply!)
  }
}

describe('two nodes', () => {
  test('find each other, and say so once on both sides', () => {
    const { n1, n2 } = pair('meet')
    expect(n1.peers).toEqual(['up n2'])
    expect(n2.peers).toEqual(['up n1'])
    expect([n1.mesh.peerState('n2'), n2.mesh.peerState('n1')]).toEqual(['up', 'up'])
    expect(n1.mesh.peerState('n9')).toBe('down')
  })

  test('a node that starts later is found at once when it dials, not at the next attempt', () => {
    const world = new MeshWorld('late', ['n1', 'n2'])
    const n1 = new TestNode(world, 'n1', 1)
    world.run(10_000)
    const n2 = new TestNode(world, 'n2', 2)
    world.run(20)
    expect([n1.peers, n2.peers]).toEqual([['up n2'], ['up n1']])
  })

  test('raft messages arrive in order per channel, with their replicas and the session', () => {
    const { world, n1, n2 } = pair('order')
    for (let term = 1; term <= 500; term++) {
      n1.mesh.sendRaft('n2', partition, 1001, 1002, append(term, [20]))
      n1.mesh.sendRaft('n2', partition, 1001, 1002, { ...heartbeat, term } as Message)
      if (term % 50 === 0) world.run(0.4)
    }
    world.run(50)
    for (const type of ['append', 'heartbeat']) {
      const terms = n2.raft.filter(({ message }) => message.type === type)
      expect(terms.map(({ message }) => message.term)).toEqual(
        Array.from({ length: 500 }, (_, index) => index + 1),
      )
    }
    expect(n2.raft[0]).toMatchObject({
      from: 'n1',
      fromReplica: 1001,
      toReplica: 1002,
      session: 11,
    })
    expect(comparable(n2.raft.find(({ message }) => message.type === 'append')!.message)).toEqual(
      comparable(append(1, [20])),
    )
  })

  test('appends of partitions take the bulk link, everything urgent and all metadata the control link', () => {
    const { world, n1, n2 } = pair('channels')
    const send = (group: GroupId, message: Message): string[] => {
      n2.frames.length = 0
      n1.mesh.sendRaft('n2', group, 1, 2, message)
      world.run(5)
      return n2.frames.map(({ label }) => label)
    }
    const extent = { index: 1, term: 1 }
    const reply: Message = {
      type: 'append-reply',
      term: 1,
      success: true,
      match: 1,
      hintTerm: 0,
      rejected: 0,
      extent,
      session: 1,
      reached: 1,
      recovering: false,
    }
    expect(send(partition, append(1, [5]))).toEqual(['n1/bulk'])
    expect(send(partition, reply)).toEqual(['n1/bulk'])
    expect(send(partition, heartbeat)).toEqual(['n1/control'])
    expect(send(partition, { type: 'timeout-now', term: 1 })).toEqual(['n1/control'])
    expect(send(metadata, append(1, [5]))).toEqual(['n1/control'])
    expect(send(metadata, reply)).toEqual(['n1/control'])
  })

  test('what one turn sends to a peer and channel is one frame', () => {
    const { world, n1, n2 } = pair('coalesce')
    n2.frames.length = 0
    for (let replica = 1; replica <= 1_000; replica++) {
      n1.mesh.sendRaft('n2', partition, replica, replica, heartbeat)
    }
    world.run(10)
    expect(n2.raft).toHaveLength(1_000)
    expect(n2.frames).toHaveLength(1)
  })

  test('frames stay within max_payload, and an item never spans two', () => {
    const { world, n1, n2 } = pair('bounds')
    n2.frames.length = 0
    for (let count = 0; count < 8; count++) {
      n1.mesh.sendRaft('n2', partition, 1, 2, append(count + 1, [300_000]))
    }
    n1.mesh.sendRaft('n2', partition, 1, 2, append(99, [600_000, 600_000]))
    // The largest batch there is: 960 KiB with its own header.
    n1.mesh.sendRaft('n2', partition, 1, 2, append(9, [982_900]))
    world.run(100)
    expect(n2.raft.map(({ message }) => message.term)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(n2.frames).toHaveLength(4)
    for (const { byteLength } of n2.frames) expect(byteLength).toBeLessThanOrEqual(maxPayload)
    const bulk = n1.mesh.metrics().links.find(({ channel }) => channel === 'bulk')!
    expect(bulk).toMatchObject({ droppedLarge: 1, frames: 4, items: 9 })
    expect(n1.log.at(-1)).toMatchObject({ event: 'mesh.item-too-large', node: 'n2' })
  })

  test('messages of all kinds keep their order among each other', () => {
    const { world, n1, n2 } = pair('messages')
    const kinds = ['interest', 'core', 'leaders'] as const
    for (let count = 0; count < 60; count++) n1.mesh.send('n2', kinds[count % 3]!, bytes(count))
    world.run(20)
    expect(n2.messages.map(({ bytes: [value] }) => value)).toEqual(
      Array.from({ length: 60 }, (_, index) => index),
    )
    expect(n2.messages.slice(0, 3).map(({ kind }) => kind)).toEqual([...kinds])
  })

  test('actors of another node are reached by ref, and only through a link that is up', () => {
    const { world, n1, n2 } = pair('actors')
    const got: string[] = []
    n2.system.spawn('listener', () => ({
      receive: (message: { type: string; text: string }) => void got.push(message.text),
    }))
    for (const { system } of [n1, n2]) {
      system.registerCodec<{ type: 'say'; text: string }>({
        type: 'say',
        encode: ({ text }) => chunksOf(new TextEncoder().encode(text)),
        decode: (body) => ({
          type: 'say',
          text: new TextDecoder().decode(Uint8Array.from(joined(body as never))),
        }),
      })
    }
    const ref = n1.system.remote<{ type: 'say'; text: string }>('n2', 'listener')
    expect(ref.send({ type: 'say', text: 'hello' })).toBe(true)
    world.run(10)
    expect(got).toEqual(['hello'])
    world.kill(n2)
    world.run(10)
    expect(ref.send({ type: 'say', text: 'gone' })).toBe(false)
  })
})

describe('requests', () => {
  test('bring back the reply with headers and payload, exactly once', () => {
    const { world, n1, n2 } = pair('request')
    n2.serve = (request) => {
      expect(request).toMatchObject({ fromNode: 'n1', subject: '$Q.1.list' })
      expect(request.headers?.get('Q-KEY')).toBe('k')
      expect(request.deadlineMs - n2.host.monotonicMs()).toBe(1_000)
      request.respond({ headers: { a: 'b' }, payload: request.payload })
      request.respond(new QuorateError('QUORATE_INTERNAL'))
    }
    const answer = new Answer()
    n1.mesh.request('n2', '$Q.1.list', [['q-key', 'k']], bytes(1, 2), 1_000, answer.done)
    expect(answer.outcomes).toEqual([])
    world.run(50)
    expect(answer.outcomes).toHaveLength(1)
    const [reply] = answer.outcomes as MeshReply[]
    expect(reply!.headers).toEqual({ a: 'b' })
    expect(joined(reply!.payload)).toEqual([1, 2])
    world.run(5_000)
    expect(answer.outcomes).toHaveLength(1)
    expect(n1.mesh.metrics()).toMatchObject({ requestsSent: 1, requestsOutstanding: 0 })
    expect(n2.mesh.metrics().requestsServed).toBe(1)
  })

  test('bring back the error a handler gives, as it gave it', () => {
    const { world, n1, n2 } = pair('error')
    n2.serve = ({ respond }) => respond(new QuorateError('QUORATE_NO_LEADER', 'orders/3'))
    const answer = new Answer()
    n1.mesh.request('n2', 's', undefined, emptyChunks, 1_000, answer.done)
    world.run(50)
    expect(answer.outcomes).toMatchObject([
      { code: 'QUORATE_NO_LEADER', detail: 'orders/3', outcome: 'not-applied' },
    ])
  })

  test('without a reply end at their deadline with an unknown outcome; a late reply changes nothing', () => {
    const { world, n1, n2 } = pair('timeout')
    let late: (() => void) | undefined
    n2.serve = ({ respond }) => {
      late = () => respond({ payload: emptyChunks })
    }
    const answer = new Answer()
    n1.mesh.request('n2', 's', undefined, emptyChunks, 300, answer.done)
    world.run(290)
    expect(answer.outcomes).toEqual([])
    world.run(40)
    expect(answer.outcomes).toMatchObject([{ code: 'QUORATE_TIMEOUT', outcome: 'unknown' }])
    late!()
    world.run(50)
    expect(answer.outcomes).toHaveLength(1)
    expect(n1.mesh.metrics().requestsTimedOut).toBe(1)
  })

  test('each meets its own deadline, whatever the order in which they were asked', () => {
    const { world, n1, n2 } = pair('deadlines')
    n2.serve = () => {}
    const times: number[] = []
    const startMs = world.simulation.nowMs
    for (const timeoutMs of [500, 100, 900, 100, 300]) {
      n1.mesh.request('n2', 's', undefined, emptyChunks, timeoutMs, () =>
        times.push(world.simulation.nowMs - startMs),
      )
    }
    world.run(2_000)
    expect(times).toHaveLength(5)
    ;[100, 100, 300, 500, 900].forEach((timeoutMs, index) => {
      expect(times[index]).toBeGreaterThanOrEqual(timeoutMs)
      expect(times[index]).toBeLessThan(timeoutMs + 25)
    })
  })

  test('to a peer that is down, or unknown, fail at once and are certainly not applied', () => {
    const world = new MeshWorld('down', ['n1', 'n2'])
    const n1 = new TestNode(world, 'n1', 1)
    world.run(100)
    for (const node of ['n2', 'n9']) {
      const answer = new Answer()
      n1.mesh.request(node, 's', undefined, emptyChunks, 1_000, answer.done)
      world.run(1)
      expect(answer.outcomes).toMatchObject([
        { code: 'QUORATE_CONNECTION_FAILED', outcome: 'not-applied' },
      ])
    }
  })

  test('sent to a peer that dies are unknown as soon as it is known to be gone', () => {
    const { world, n1, n2 } = pair('dies')
    n2.serve = () => {}
    world.run(2_000)
    const answer = new Answer()
    n1.mesh.request('n2', 's', undefined, emptyChunks, 10_000, answer.done)
    world.run(20)
    world.kill(n2)
    world.run(20)
    expect(answer.outcomes).toMatchObject([{ code: 'QUORATE_UNKNOWN_OUTCOME', outcome: 'unknown' }])
  })

  test('answered by an earlier life of the asker are not mistaken for an answer to this one', () => {
    const { world, n1, n2 } = pair('lives')
    const late: (() => void)[] = []
    n2.serve = ({ respond }) => late.push(() => respond({ payload: bytes(66) }))
    n1.mesh.request('n2', 'old', undefined, emptyChunks, 60_000, () => {})
    world.run(20)
    world.kill(n1)
    const again = new TestNode(world, 'n1', 12)
    world.run(2_000)
    const answer = new Answer()
    again.mesh.request('n2', 'new', undefined, emptyChunks, 500, answer.done)
    world.run(20)
    expect(late).toHaveLength(2)
    late[0]!()
    world.run(20)
    expect(answer.outcomes).toEqual([])
    late[1]!()
    world.run(20)
    expect(answer.outcomes).toMatchObject([{ payload: { byteLength: 1 } }])
  })

  test('and replies too large for a frame are refused, with what is known of them', () => {
    const { world, n1, n2 } = pair('large')
    const large = chunksOf(new Uint8Array(maxPayload))
    const asked = new Answer()
    n1.mesh.request('n2', 's', undefined, large, 1_000, asked.done)
    n2.serve = ({ respond }) => respond({ payload: large })
    const answered = new Answer()
    n1.mesh.request('n2', 's', undefined, emptyChunks, 1_000, answered.done)
    world.run(100)
    expect(asked.outcomes).toMatchObject([
      { code: 'QUORATE_PAYLOAD_TOO_LARGE', outcome: 'not-applied' },
    ])
    expect(answered.outcomes).toMatchObject([
      { code: 'QUORATE_PAYLOAD_TOO_LARGE', outcome: 'unknown' },
    ])
  })

  test('above the bound are refused as overloaded, the others are not touched', () => {
    const { world, n1, n2 } = pair('bound', { outstandingRequestsMax: 3 })
    n2.serve = () => {}
    const answers = Array.from({ length: 5 }, () => new Answer())
    for (const { done } of answers) n1.mesh.request('n2', 's', undefined, emptyChunks, 500, done)
    world.run(50)
    expect(answers.map(({ outcomes }) => outcomes.length)).toEqual([0, 0, 0, 1, 1])
    expect(answers[4]!.outcomes).toMatchObject([
      { code: 'QUORATE_OVERLOADED', outcome: 'not-applied' },
    ])
  })

  test('with a header that cannot travel fail at the asker; such a reply still answers', () => {
    const { world, n1, n2 } = pair('headers')
    const long = 'x'.repeat(70_000)
    n2.serve = ({ respond }) => respond({ headers: { long }, payload: emptyChunks })
    const [asked, answered] = [new Answer(), new Answer()]
    n1.mesh.request('n2', 's', [['long', long]], emptyChunks, 1_000, asked.done)
    n1.mesh.request('n2', 's', undefined, emptyChunks, 1_000, answered.done)
    world.run(50)
    expect(asked.outcomes).toMatchObject([{ outcome: 'not-applied' }])
    expect(answered.outcomes).toMatchObject([{ outcome: 'unknown' }])
  })

  test('are all answered when the mesh closes, and refused afterwards', () => {
    const { world, n1, n2 } = pair('close')
    n2.serve = () => {}
    const [before, after] = [new Answer(), new Answer()]
    n1.mesh.request('n2', 's', undefined, emptyChunks, 60_000, before.done)
    world.run(20)
    n1.mesh.close()
    n1.mesh.request('n2', 's', undefined, emptyChunks, 60_000, after.done)
    world.run(20)
    expect(before.outcomes).toMatchObject([{ outcome: 'unknown' }])
    expect(after.outcomes).toMatchObject([{ code: 'QUORATE_SHUTTING_DOWN' }])
    expect(n2.peers).toEqual(['up n1', 'down n1'])
  })
})
