import { topic } from '@quorate/client'
import { QuorateError } from '@quorate/protocol'
import { type TestCluster, testCluster } from 'quorate/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SimulatedCluster } from '../../src/laboratory/cluster/cluster.ts'
import { dataFolder } from '../../src/laboratory/cluster/simulated-node.ts'
import { groupKey } from '../../src/storage/log-entry.ts'
import { brokenPromises, type PromisedSend } from '../../src/testing/kept-promises.ts'
import { ObservedHistory } from '../../src/testing/observed-history.ts'

const words = topic<string>('words')

afterEach(() => {
  vi.restoreAllMocks()
})

async function withWords(c: TestCluster, sent: readonly string[]) {
  const q = await c.connect()
  await q.admin.createTopic(words, { partitions: 1 })
  const producer = q.producer()
  for (const word of sent) await producer.send(words, word)
  return { q, producer }
}

/** The verdict of `check`; the end of the cluster gives it again. */
async function verdictOf(c: TestCluster): Promise<string> {
  let verdict = ''
  try {
    c.check()
  } catch (error) {
    verdict = String(error)
  }
  await c.close().catch((error: unknown) => expect(String(error)).toBe(verdict))
  return verdict
}

describe('a test cluster', () => {
  test('is content with values that repeat, through crashes, and with topics that are deleted', async () => {
    await using c = await testCluster({ seed: 31 })
    const { q, producer } = await withWords(c, ['same', 'same'])
    const unknown = producer.send(words, 'same')
    await c.crash(await c.leader(words), { power: true })
    await unknown
    await producer.send(words, 'same')
    for (const node of c.nodes) await c.crash(node, { power: true })
    c.check()
    for (const node of c.nodes) await c.restart(node)
    await producer.send(words, 'same')
    c.check()
    await q.admin.deleteTopic(words)
    await c.advance('10s')
    c.check()
  })

  test('finds that acknowledged records are gone from the disks', async () => {
    const started = vi.spyOn(SimulatedCluster.prototype, 'start')
    const c = await testCluster({ seed: 32 })
    await withWords(c, ['one', 'two'])
    const { nodes } = started.mock.contexts[0] as SimulatedCluster
    for (const { disk } of nodes.slice(1)) disk.tree.lose(dataFolder)
    const verdict = await verdictOf(c)
    expect(verdict).toMatch(/lost-write: acknowledged at words\/0@0: it is on 1 disks, not 2/)
    expect(verdict).toMatch(/words\/0@1/)
  })

  test('finds a record whose send was refused', async () => {
    vi.spyOn(ObservedHistory.prototype, 'acked').mockImplementationOnce(function (
      this: ObservedHistory,
      send,
    ) {
      this.refused(send, new QuorateError('QUORATE_CLOSED', '', { outcome: 'not-applied' }))
    })
    const c = await testCluster({ seed: 33 })
    await withWords(c, ['refused', 'acknowledged'])
    expect(await verdictOf(c)).toMatch(
      /aborted-read: one value, sent 1 times, 1 of them refused, is stored 1 times: words\/0@0/,
    )
  })

  test('finds a record that is stored more often than it was sent', async () => {
    const send = vi.spyOn(ObservedHistory.prototype, 'send')
    const c = await testCluster({ seed: 34 })
    const { producer } = await withWords(c, ['twice', 'between'])
    const unseen = new ObservedHistory(() => 0)
    send.mockImplementationOnce((name, of) => unseen.send(name, of))
    await producer.send(words, 'twice')
    await producer.send(words, 'behind')
    expect(await verdictOf(c)).toMatch(
      /duplicate: one value, sent 1 times, .* is stored 2 times: words\/0@0, words\/0@2/,
    )
  })
})

const group = { topicId: 1, partition: 0 }

function send(outcome: PromisedSend['outcome'], offset: number, content = 'a'): PromisedSend {
  return { outcome, partition: offset < 0 ? -1 : 0, offset, content }
}

/** Verdict on one partition of three replicas: contents by offset, with their copies. */
function judged(
  sends: readonly PromisedSend[],
  copies: readonly (readonly [offset: number, content: string, disks: number])[],
  { known = 10, startOffset = 0, damaged = 0 } = {},
): readonly string[] {
  const byOffset = new Map<number, Map<string, number>>()
  for (const [offset, content, disks] of copies) {
    byOffset.set(offset, (byOffset.get(offset) ?? new Map()).set(content, disks))
  }
  const topics = [{ topic: 't', topicId: 1, replicas: 3, sends, known: new Map([[0, known]]) }]
  const stored = new Map([[groupKey(group), { startOffset, copies: byOffset }]])
  return brokenPromises(topics, stored, damaged)
}

describe('a promise', () => {
  test('is broken by another record at the place, and by copies on fewer than a quorum', () => {
    expect(judged([send('acked', 0)], [[0, 'b', 3]])).toMatchObject([/another record is there/])
    expect(judged([send('acked', 0)], [[0, 'a', 1]])).toMatchObject([/on 1 disks, not 2/])
    expect(judged([send('acked', 0)], [])).toMatchObject([/on 0 disks, not 2/])
  })

  test('is kept where damage has taken copies and one is left, and where retention took it', () => {
    expect(judged([send('acked', 0)], [[0, 'a', 1]], { damaged: 1 })).toEqual([])
    expect(judged([send('acked', 0)], [], { startOffset: 1 })).toEqual([])
  })

  test('is not touched by what is not committed', () => {
    const tail = [send('acked', 0), send('failed', -1, 'b')]
    const copies = [
      [0, 'a', 3],
      [1, 'b', 1],
    ] as const
    expect(judged(tail, copies)).toEqual([])
    expect(judged(tail, [copies[0], [1, 'b', 2]], { known: 0 })).toEqual([])
    expect(judged(tail, [copies[0], [1, 'b', 2]])).toMatchObject([/^aborted-read/])
  })

  test('lets a send of unknown outcome be stored once', () => {
    const both = [
      [0, 'a', 2],
      [1, 'a', 2],
    ] as const
    expect(judged([send('acked', 0), send('unknown', -1)], both)).toEqual([])
    expect(judged([send('acked', 0), send('failed', -1)], both)).toMatchObject([/^duplicate/])
  })
})
