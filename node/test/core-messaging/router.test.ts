import { type Chunks, chunksOf } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { partBodyBytes } from '../../src/core-messaging/core-codec.ts'
import { encodeInterest } from '../../src/core-messaging/interest-codec.ts'
import { Cluster, messageOf, subscriptionOf } from './cluster.ts'

describe('core messaging across nodes', () => {
  test('reports no interest only when nobody in the cluster wants the message', () => {
    const cluster = new Cluster(3)
    const remote = subscriptionOf('greet.*')
    expect(cluster.router('n1').publish(messageOf('greet.joe'))).toBe(false)
    cluster.router('n2').subscribe(remote)
    cluster.settle()
    expect(cluster.router('n1').publish(messageOf('greet.joe'))).toBe(true)
    cluster.settle()
    expect(remote.received.map((message) => message.subject)).toEqual(['greet.joe'])
    cluster.router('n2').unsubscribe(remote)
    cluster.settle()
    expect(cluster.router('n1').publish(messageOf('greet.joe'))).toBe(false)
  })

  test('prefers a queue member on the publisher’s node and else uses every node that has one', () => {
    const cluster = new Cluster(3)
    const near = subscriptionOf('work', 'q')
    const far = [subscriptionOf('work', 'q'), subscriptionOf('work', 'q')]
    cluster.router('n1').subscribe(near)
    cluster.router('n2').subscribe(far[0]!)
    cluster.router('n3').subscribe(far[1]!)
    cluster.settle()
    for (let count = 0; count < 20; count += 1) cluster.router('n1').publish(messageOf('work'))
    cluster.settle()
    expect(near.received).toHaveLength(20)
    cluster.router('n1').unsubscribe(near)
    for (let count = 0; count < 40; count += 1) cluster.router('n1').publish(messageOf('work'))
    cluster.settle()
    const counts = far.map((member) => member.received.length)
    expect(counts[0]! + counts[1]!).toBe(40)
    expect(Math.min(...counts)).toBeGreaterThan(5)
  })

  test('does not give a publisher without echo its own message, nor count it as interest', () => {
    const cluster = new Cluster(1)
    const owner = {}
    const own = subscriptionOf('a', undefined, owner)
    const member = subscriptionOf('a', 'q', owner)
    const router = cluster.router('n1')
    router.subscribe(own)
    router.subscribe(member)
    expect(router.publish(messageOf('a'), { owner, echo: false })).toBe(false)
    expect(router.publish(messageOf('a'), { owner, echo: true })).toBe(true)
    expect(own.received).toHaveLength(1)
    expect(member.received).toHaveLength(1)
  })

  test('sends the reply of a request home although the request came first', () => {
    const cluster = new Cluster(2)
    const inbox = subscriptionOf('_INBOX.x')
    cluster.router('n2').subscribe({
      ...subscriptionOf('service'),
      deliver: (message) => cluster.router('n2').publish(messageOf(message.reply!, 'done')),
    })
    cluster.settle()
    cluster.router('n1').subscribe(inbox)
    cluster.router('n1').publish(messageOf('service', 'please', '_INBOX.x'))
    cluster.settle()
    expect(inbox.received).toHaveLength(1)
  })

  test('never passes a message of a peer on', () => {
    const cluster = new Cluster(3)
    cluster.part('n1', 'n3')
    const far = subscriptionOf('a')
    const middle = subscriptionOf('a')
    cluster.router('n3').subscribe(far)
    cluster.router('n2').subscribe(middle)
    cluster.settle()
    cluster.router('n1').publish(messageOf('a'))
    cluster.settle()
    expect(middle.received).toHaveLength(1)
    expect(far.received).toHaveLength(0)
  })

  test('forgets what a lost peer wanted and learns it again when the peer is back', () => {
    const cluster = new Cluster(2)
    const far = subscriptionOf('a.>')
    cluster.router('n2').subscribe(far)
    cluster.settle()
    cluster.part('n1', 'n2')
    expect(cluster.router('n1').remoteWishes).toBe(0)
    expect(cluster.router('n1').publish(messageOf('a.b'))).toBe(false)
    cluster.join('n1', 'n2')
    cluster.settle()
    expect(cluster.router('n1').publish(messageOf('a.b'))).toBe(true)
  })

  test('learns the interest of a peer that saw this node earlier than it was seen', () => {
    const cluster = new Cluster(2)
    const far = subscriptionOf('a')
    cluster.router('n2').subscribe(far)
    cluster.settle()
    // n1 loses and finds n2 by itself; n2 notices nothing and would not send its set again.
    cluster.router('n1').peerDown('n2')
    cluster.router('n1').peerUp('n2')
    cluster.settle()
    expect(cluster.router('n1').publish(messageOf('a'))).toBe(true)
  })

  test('asks once for the full set after a gap in a peer’s changes', () => {
    const cluster = new Cluster(2)
    const router = cluster.router('n2')
    const subscriptions = ['a', 'b', 'c', 'd'].map((subject) => subscriptionOf(subject))
    router.subscribe(subscriptions[0]!)
    cluster.loseOne('n2', 'n1')
    for (const subscription of subscriptions.slice(1)) router.subscribe(subscription)
    expect(cluster.router('n1').remoteWishes).toBe(0)
    while (cluster.deliverOne('n2', 'n1'));
    expect(cluster.loseOne('n1', 'n2')).toBe(true)
    expect(cluster.loseOne('n1', 'n2')).toBe(false)
    router.receive('n1', 'interest', encodeInterest({ kind: 'ask', sequence: 0, changes: [] }))
    cluster.settle()
    expect(cluster.router('n1').remoteWishes).toBe(4)
  })

  test('announces a set larger than one frame in parts that each fit', () => {
    const cluster = new Cluster(2)
    cluster.part('n1', 'n2')
    const long = 'x'.repeat(200)
    for (let index = 0; index < 6000; index += 1) {
      cluster.router('n2').subscribe(subscriptionOf(`${long}.${index}`))
    }
    const sizes: number[] = []
    const first = cluster.router('n1')
    const receive = first.receive.bind(first)
    first.receive = (from: string, kind, bytes: Chunks): void => {
      sizes.push(bytes.byteLength)
      receive(from, kind, bytes)
    }
    cluster.join('n1', 'n2')
    cluster.settle()
    expect(first.remoteWishes).toBe(6000)
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.max(...sizes)).toBeLessThan(256 * 1024)
  })

  test('serves thousands of queue groups on a node, and its plain subscribers once', () => {
    const cluster = new Cluster(2)
    const router = cluster.router('n2')
    const plain = subscriptionOf('a')
    router.subscribe(plain)
    const members = Array.from({ length: 5000 }, (_, index) => {
      const member = subscriptionOf('a', `queue-group-number-${index}`)
      router.subscribe(member)
      return member
    })
    cluster.settle()
    const sizes: number[] = []
    const receive = router.receive.bind(router)
    router.receive = (from: string, kind, bytes: Chunks): void => {
      sizes.push(bytes.byteLength)
      receive(from, kind, bytes)
    }
    const payload = chunksOf(new Uint8Array(partBodyBytes + 10))
    cluster.router('n1').publish({ ...messageOf('a'), payload })
    cluster.settle()
    expect(plain.received).toHaveLength(1)
    expect(members.filter((member) => member.received.length === 1)).toHaveLength(5000)
    expect(Math.max(...sizes)).toBeLessThan(1_048_576 - 4096)
  })

  test('counts and drops what no router has sent', () => {
    const cluster = new Cluster(2)
    const router = cluster.router('n1')
    router.receive('n2', 'core', chunksOf(Uint8Array.of(7, 7, 7)))
    router.receive('n2', 'interest', chunksOf(Uint8Array.of(7, 7, 7)))
    expect(router.counts.malformed).toBe(2)
  })

  test('delivers to the rest when a subscriber unsubscribes others while it is served', () => {
    const cluster = new Cluster(1)
    const router = cluster.router('n1')
    const last = subscriptionOf('a')
    const first = { ...subscriptionOf('a'), deliver: () => router.unsubscribe(last) }
    const middle = subscriptionOf('a')
    for (const subscription of [first, last, middle]) router.subscribe(subscription)
    router.publish(messageOf('a'))
    expect(middle.received).toHaveLength(1)
    expect(router.subscriptions).toBe(2)
  })
})
