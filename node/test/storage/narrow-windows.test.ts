// Crashes in windows that random runs seldom meet: each test stands for one ordering rule.
import { describe, expect, test } from 'vitest'
import { makeMark, metadata, smallOptions, TestNode } from './harness.ts'

/** Everything stays in memory, and no seal is written in between. */
const roomy = { ...smallOptions, cacheBytesMax: 1024 * 1024, sealIdleMs: 60_000 }

/** Two entries of group 5-0 in the first WAL file, uncommitted; then so many files of others. */
function withStubbornTail(name: string, copyForwardFiles: number): TestNode {
  const node = new TestNode(name, { ...roomy, copyForwardFiles }).open()
  node.create(5, 1001)
  node.append([100, 200], 1, '5-0')
  while (node.storage.metrics().walFiles < 3) {
    const entries = node.append([3000, 3000, 10], 1)
    node.log().commit(entries[1]!.index)
  }
  return node
}

/** Has the segment writer move something and look for files to release. */
function provokeRelease(node: TestNode): void {
  const { lastIndex } = node.log()
  node.log().roll(lastIndex)
  node.log().commit(lastIndex)
  node.run(300)
}

describe('a WAL file', () => {
  test('is kept until the truncation of what it holds is on disk', () => {
    const node = withStubbornTail('cut', 100)
    node.append([300], 1, '5-0')
    node.run(300)
    const used = node.storage.metrics().walFiles
    node.disk.stall(10_000, /wal-/)
    const [mark] = [makeMark(node.log('5-0').start, 1)]
    node.storage.persist('5-0', { truncateAfter: 0, entries: [mark] }, () => {})
    provokeRelease(node)
    expect(node.storage.metrics().walFiles).toBe(used)
    node.crash('kill').open()
    // The write under way may have landed or not: the log of before, or the one of after.
    const isNew = node.log('5-0').pointAt(1)?.chain.low === mark!.chain.low
    expect(node.log('5-0').lastIndex).toBe(isNew ? 1 : 3)
  })

  test('is kept until the copies of what it holds are on disk', () => {
    const node = withStubbornTail('copy', 2)
    // From here on the copies wait for their write; nothing may be released on their account.
    node.disk.stall(10_000, /wal-/)
    node.run(300)
    expect(node.storage.metrics().copiedForwardEntries).toBe(2)
    provokeRelease(node)
    node.crash('power').open()
    expect(node.readAll('5-0').map((entry) => entry.index)).toEqual([1, 2])
  })

  test('that a reader still reads is not recycled below it', () => {
    const node = new TestNode('reader', { ...smallOptions, cacheBytesMax: 0 }).open()
    const [first] = node.append([3000], 1)
    node.log().commit(1)
    node.append([10], 1)
    node.disk.stall(400, /wal-0000000001/)
    const results: number[] = []
    node.log().read({ index: 1 }, { index: 1, bytes: 1 }, (error, _previous, entries) => {
      expect(error).toBeUndefined()
      expect(entries[0]!.chain).toEqual(first!.chain)
      results.push(entries.length)
    })
    node.run(2000)
    expect(results).toEqual([1])
  })
})

describe('a checkpoint', () => {
  test('may be asked for at once, and waits for the WAL by itself', () => {
    const node = new TestNode('at-once').open()
    node.setTerm(1)
    const entry = makeMark(node.log().base, 1)
    node.storage.persist(metadata, { entries: [entry] }, () => {})
    const [error] = node.wait<[Error?]>((done) => {
      node.storage.saveCheckpoint(metadata, { ...entry, state: new Uint8Array(3) }, done)
    })
    expect(error).toBeUndefined()
    expect(node.log().durableIndex).toBe(1)
  })

  test('asked for twice at once is written once, whole', () => {
    const node = new TestNode('twice').open()
    const [entry] = node.append([10], 1)
    const checkpoint = { ...entry!, state: new Uint8Array(400_000).fill(1) }
    let saved = 0
    for (let time = 0; time < 2; time += 1) {
      node.storage.saveCheckpoint(metadata, checkpoint, (error) => {
        if (error === undefined) saved += 1
      })
      node.simulation.runUntil(node.simulation.nowMs + 0.5)
    }
    node.simulation.runUntilTrue(() => saved > 0, 1000)
    node.crash('power').open()
    expect(node.opened.groups.get(metadata)!.checkpoint!.state).toEqual(checkpoint.state)
  })

  test('that a start found is still there after a power loss', () => {
    let found = 0
    for (let step = 1; step < 40; step += 1) {
      const node = new TestNode(`found-${step}`).open()
      const [entry] = node.append([10], 1)
      node.log().commit(1)
      node.storage.saveCheckpoint(metadata, { ...entry!, state: new Uint8Array(3) }, () => {})
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash('kill').open()
      const [index] = node.log().checkpoints()
      if (index === undefined) continue
      found += 1
      for (let power = 0; power < 4; power += 1) node.crash('power').open()
      expect(node.log().checkpoints()).toEqual([1])
    }
    expect(found).toBeGreaterThan(0)
  })
})

describe('a segment that grows', () => {
  test('is not deleted, though a checkpoint stands where it ends', () => {
    const node = new TestNode('grows', roomy).open()
    const entries = node.append([3000, 3000, 3000, 3000], 1)
    node.log().commit(3)
    while (node.log().segments().length === 0) {
      entries.push(...node.append([3000], 1))
      node.run(30)
    }
    expect(
      node
        .log()
        .segments()
        .map((segment) => segment.lastIndex),
    ).toEqual([3])
    const checkpoint = { ...entries[2]!, state: new Uint8Array(4) }
    node.wait<[Error?]>((done) => node.storage.saveCheckpoint(metadata, checkpoint, done))
    node.log().roll(4)
    node.log().commit(4)
    // The move of entry 4 into the same file begins after 20 ms.
    for (let time = 0; time < 60; time += 1) {
      node.simulation.runUntil(node.simulation.nowMs + 0.5)
      const done = (error: Error | undefined) => expect(error).toBeUndefined()
      node.log().dropBelow(3, done)
    }
    node.run(200)
    node.crash('power').open()
    expect(node.readAll().map((entry) => entry.index)).toEqual(entries.map((entry) => entry.index))
    expect(node.log().segments()[0]).toMatchObject({ firstIndex: 1, lastIndex: 4 })
  })
})

describe('a creation', () => {
  test('that was reported is executed, and so is every one before it', () => {
    const node = new TestNode('reported').open()
    const hardState = { term: 0, votedFor: 0 }
    node.wait<[Error?]>((done) => {
      const group = { topicId: 5, partition: 0 }
      node.storage.createReplica(group, 1001, { voters: [1001] }, hardState, 42, (error) =>
        done(error),
      )
    })
    node.crash('power').open()
    expect(node.opened.executedIndex).toBe(42)
    expect(node.storage.groups.get('5-0')!.configuration).toEqual({ voters: [1001] })
    // The same creation again, as a metadata replica does after a restart.
    node.create(5, 1001)
    expect(node.storage.executedIndex).toBe(42)
    expect(() => node.create(5, 1002)).toThrow('another replica')
  })
})
