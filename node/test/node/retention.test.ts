import { afterEach, describe, expect, test } from 'vitest'
import type { TestClient } from './client.ts'
import { TestCluster } from './cluster.ts'

let cluster: TestCluster

afterEach(() => {
  expect(cluster.defects).toEqual([])
})

const kib = 1024
const value = 'x'.repeat(8 * kib)

/** Writes so many records to partition 0, wherever it is led, each exactly once. */
function fill(topic: string, count: number): void {
  const client = cluster.client(cluster.names.find((name) => cluster.isReady(name))!)
  for (let at = 0; at < count; at++) {
    let error: { code: string } | undefined
    cluster.until('the record is taken', () => {
      error = client.produce(topic, value, { 'q-partition': '0' }).error
      return error === undefined
    })
  }
}

function replicasOf(client: TestClient, topic: string) {
  return client.call('describe', topic).partitionStates[0].replicas as {
    node: string
    role: string
    logStart: number
    startOffset: number
    endOffset: number
    sizeBytes: number
  }[]
}

describe('retention', () => {
  test('by size: the log start moves on all replicas alike, and their files shrink', () => {
    cluster = TestCluster.ready('by-size', 3)
    const client = cluster.client('n1')
    const topicId = client.create('logs', { retentionBytes: 64 * kib, segmentBytes: 16 * kib })
    fill('logs', 40)
    cluster.pass(12_000)
    const replicas = replicasOf(client, 'logs')
    const starts = replicas.map(({ startOffset }) => startOffset)
    expect(starts[0]).toBeGreaterThan(20)
    expect(new Set(starts).size).toBe(1)
    for (const { sizeBytes, endOffset, logStart } of replicas) {
      expect(endOffset).toBe(40)
      expect(sizeBytes).toBeLessThan(120 * kib)
      expect(logStart).toBeGreaterThan(20)
    }
    const { leader } = client.call('leader', undefined, { topicId, partition: 0 })
    const reader = cluster.client(leader.node)
    expect(reader.fetch(topicId, 0, 0)).toMatchObject({
      error: 'QUORATE_OFFSET_OUT_OF_RANGE',
      logStartOffset: starts[0],
    })
    expect(reader.fetch(topicId, 0, starts[0]!).error).toBeUndefined()
    const earliest = client.call('offsets', 'logs', { partition: 0, at: 'earliest' })
    expect(earliest.offset).toBe(starts[0])
    expect(client.call('offsets', 'logs', { partition: 0, at: { timeMs: 0 } }).offset).toBe(
      starts[0],
    )
  })

  test('by age: an idle partition loses its old records too', () => {
    cluster = TestCluster.ready('by-age', 1)
    const client = cluster.client('n1')
    client.create('logs', { retentionMs: 20_000 })
    fill('logs', 3)
    cluster.pass(10_000)
    expect(replicasOf(client, 'logs')[0]).toMatchObject({ startOffset: 0, endOffset: 3 })
    cluster.pass(30_000)
    expect(replicasOf(client, 'logs')[0]).toMatchObject({ startOffset: 3, endOffset: 3 })
    fill('logs', 1)
    expect(replicasOf(client, 'logs')[0]).toMatchObject({ startOffset: 3, endOffset: 4 })
  })

  test('a replica that is down does not hold it back, and gets a snapshot when it comes back', () => {
    cluster = TestCluster.ready('snapshot', 3, { cacheBytesMax: 32 * kib })
    const client = cluster.client('n1')
    const topicId = client.create('logs', { retentionBytes: 64 * kib, segmentBytes: 16 * kib })
    const { leader } = client.call('leader', undefined, { topicId, partition: 0 })
    const down = cluster.names.find((name) => name !== leader.node && name !== 'n1')!
    cluster.crash(down)
    fill('logs', 40)
    cluster.pass(12_000)
    const up = () => replicasOf(client, 'logs').filter(({ role }) => role !== 'unreachable')
    expect(up().every(({ startOffset }) => startOffset > 20)).toBe(true)

    const elections = () =>
      cluster.names.flatMap((name) => cluster.events(name, 'raft.leader-elected')).length
    const before = elections()
    cluster.start(down)
    const asked = cluster.client('n1')
    for (let at = 0; at < 20; at += 1) {
      // The group is not disturbed: every record is taken at once.
      expect(asked.produce('logs', value, { 'q-partition': '0' }).error).toBeUndefined()
    }
    cluster.untilReady()
    cluster.until('it has everything', () =>
      replicasOf(client, 'logs').every(({ endOffset }) => endOffset === 60),
    )
    expect(cluster.events(down, 'snapshot.installed').length).toBeGreaterThan(0)
    expect(elections()).toBe(before)

    // What it was sent is as good as what it wrote: it carries the group on.
    cluster.crash(cluster.names.find((name) => name !== down && name !== 'n1')!, 'power')
    cluster.crash(down, 'power')
    cluster.start(down)
    cluster.until('the two agree', () => {
      const found = replicasOf(client, 'logs').filter(({ role }) => role !== 'unreachable')
      return found.length === 2 && found.every(({ endOffset }) => endOffset === 60)
    })
    fill('logs', 5)
  })

  test('a restarted node begins with its newest checkpoint above log start', () => {
    cluster = TestCluster.ready('checkpoint', 3)
    const client = cluster.client('n1')
    client.create('logs', { retentionBytes: 64 * kib, segmentBytes: 16 * kib })
    fill('logs', 40)
    cluster.pass(12_000)
    const before = replicasOf(client, 'logs')
    for (const name of cluster.names) cluster.crash(name, 'power')
    for (const name of cluster.names) cluster.start(name)
    cluster.untilReady()
    const after = cluster.client('n2')
    cluster.until('all have caught up', () =>
      replicasOf(after, 'logs').every(({ endOffset }) => endOffset === 40),
    )
    expect(replicasOf(after, 'logs').map(({ startOffset }) => startOffset)).toEqual(
      before.map(({ startOffset }) => startOffset),
    )
    fill('logs', 5)
    expect(replicasOf(after, 'logs').some(({ endOffset }) => endOffset === 45)).toBe(true)
  })

  test('a follower far behind is caught up from disk', () => {
    cluster = TestCluster.ready('behind', 3, { cacheBytesMax: 64 * kib })
    const client = cluster.client('n1')
    const topicId = client.create('logs', { segmentBytes: 32 * kib })
    const { leader } = client.call('leader', undefined, { topicId, partition: 0 })
    const down = cluster.names.find((name) => name !== leader.node)!
    cluster.crash(down)
    fill('logs', 200)
    cluster.start(down)
    cluster.untilReady()
    const other = cluster.client(leader.node)
    cluster.until('it has everything', () =>
      replicasOf(other, 'logs').every(({ endOffset }) => endOffset === 200),
    )
  })

  test('a node whose clock is far off retires nothing by age', () => {
    cluster = TestCluster.ready('clock', 3)
    const client = cluster.client('n1')
    const topicId = client.create('logs', { retentionMs: 60_000 })
    fill('logs', 3)
    cluster.pass(6000)
    const { leader } = client.call('leader', undefined, { topicId, partition: 0 })
    cluster.node(leader.node).host!.jumpWall(3_600_000)
    cluster.pass(20_000)
    expect(replicasOf(client, 'logs')[0]!.startOffset).toBe(0)
    expect(cluster.events(leader.node, 'clock.skewed')).toHaveLength(1)
    cluster.node(leader.node).host!.jumpWall(-3_600_000)
    cluster.pass(6000)
    expect(cluster.events(leader.node, 'clock.trusted-again')).toHaveLength(1)
  })
})
