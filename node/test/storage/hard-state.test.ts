import { describe, expect, test } from 'vitest'
import {
  decodeSlot,
  encodeSlot,
  type HardStateRecord,
  hardStatePaths,
  slotBytes,
  slotPosition,
} from '../../src/storage/hard-state-format.ts'
import { folder, makeRecords, metadata, TestNode } from './harness.ts'

const record: HardStateRecord = {
  group: { topicId: 2 ** 40, partition: 7 },
  replicaId: 1001,
  hardState: { term: 2 ** 50, votedFor: 3 },
  configuration: { voters: [1, 2, 2 ** 45], outgoing: [1, 2, 9], learners: [12] },
  configurationIndex: 9,
  configurationTerm: 4,
  tailUnknown: true,
}

describe('a slot', () => {
  test('is read back, and with any changed byte is bad', () => {
    const { bytes, crc } = encodeSlot(5, 77, { kind: 'replica', record })
    const content = { kind: 'replica', record }
    expect(decodeSlot(bytes)).toEqual({ sequence: 5, previousCrc: 77, content, crc })
    for (let at = 0; at < slotBytes; at += 1) {
      bytes[at]! ^= 4
      expect(decodeSlot(bytes)).toBe('bad')
      bytes[at]! ^= 4
    }
    expect(decodeSlot(new Uint8Array(slotBytes))).toBe('empty')
  })

  test('names a replica whose state is lost', () => {
    const content = { kind: 'amnesiac', group: record.group, replicaId: 1001 } as const
    expect(decodeSlot(encodeSlot(2, 0, content).bytes)).toMatchObject({ content })
  })

  test('of the newest state is never the one that is written next', () => {
    expect(slotPosition(3, 8)).not.toBe(slotPosition(3, 9))
    expect(slotPosition(3, 8)).toBe(slotPosition(3, 10))
  })
})

/** Pair 1 is the metadata replica's; `sequence` as after so many changes. */
function breakSlot(node: TestNode, letter: 'A' | 'B', sequence: number): void {
  const path = hardStatePaths(folder)[letter === 'A' ? 0 : 1]
  const file = node.disk.process().openSync(path, 'write')
  file.writeSync(new Uint8Array([1, 2, 3]), slotPosition(1, sequence) + 100)
  file.syncSync()
}

describe('term and vote', () => {
  const voted = (name: string) => {
    const node = new TestNode(name).open()
    for (const term of [1, 2, 3]) node.setTerm(term)
    return node.crash('kill')
  }
  const term = (node: TestNode) => node.open().storage.groups.get(metadata)!.hardState.term

  test('survive damage to the newest slot of either file, and both files agree again', () => {
    // The format wrote sequence 1, so term 3 is sequence 4.
    for (const letter of ['A', 'B'] as const) {
      const node = voted(`slot-${letter}`)
      breakSlot(node, letter, 4)
      expect(term(node)).toBe(3)
      node.crash('kill')
      breakSlot(node, letter === 'A' ? 'B' : 'A', 4)
      expect(term(node)).toBe(3)
    }
  })

  test('damaged in both files are lost: the replica never runs again, the node does', () => {
    const node = voted('both')
    breakSlot(node, 'A', 4)
    breakSlot(node, 'B', 4)
    for (let life = 0; life < 2; life += 1) {
      node.open()
      expect(node.storage.groups.has(metadata)).toBe(false)
      expect(node.opened.amnesiac).toMatchObject([{ group: { topicId: 0 }, replicaId: 1 }])
      expect(node.opened.damage).toContainEqual(expect.objectContaining({ state: 'amnesiac' }))
      node.create(5 + life, 1001 + life)
      node.crash('power')
    }
  })

  test('are found when the two files have changed names, and not in a copy of one', () => {
    const node = voted('swapped')
    const [a, b] = hardStatePaths(folder)
    node.disk.damage.apply({ kind: 'swap', path: a, with: b })
    expect(term(node)).toBe(3)
    expect(node.opened.amnesiac).toEqual([])
    expect(node.opened.damage.map(({ state }) => state)).toEqual(['repaired', 'repaired'])
    node.crash('power')
    expect(term(node)).toBe(3)
    expect(node.opened.damage).toEqual([])
  })

  test('of every replica are lost with both files', () => {
    const node = voted('all').open()
    node.create(5, 1001)
    node.append([10, 20], 3)
    node.crash('power')
    for (const path of hardStatePaths(folder)) node.disk.process().removeSync(path)
    node.open()
    const ids = node.opened.amnesiac.map(({ replicaId }) => replicaId)
    expect(ids.sort((one, other) => one - other)).toEqual([1, 1001])
    // Nothing that was executed is executed again, and what is yet to come is not taken for lost.
    expect(node.opened.executedIndex).toBe(5)
    node.crash('power')
    for (const path of hardStatePaths(folder)) node.disk.process().removeSync(path)
    node.open()
    expect(node.opened.executedIndex).toBe(5)
    expect(node.crash('power').open().opened.amnesiac.length).toBe(2)
  })

  test('of the metadata replica with both files: its log tells what was executed', () => {
    const node = voted('log').open()
    for (let count = 0; count < 10; count += 1) node.append([10], 3)
    node.crash('power')
    for (const path of hardStatePaths(folder)) node.disk.process().removeSync(path)
    expect(node.open().opened.executedIndex).toBe(10)
  })

  test('of every replica are lost when zeros lie there, though a record of the node is left', () => {
    const node = voted('zeros').open()
    node.create(5, 1001)
    node.append([10, 20], 3)
    node.crash('power')
    // The node was written twice: the newer slot stays, and the slots behind it do not.
    for (const path of hardStatePaths(folder)) {
      node.disk.damage.apply({ kind: 'zero', path, from: slotPosition(0, 1) })
    }
    for (let life = 0; life < 2; life += 1) {
      node.open()
      expect(node.storage.groups.size).toBe(0)
      const ids = node.opened.amnesiac.map(({ replicaId }) => replicaId)
      expect(ids.sort((one, other) => one - other)).toEqual([1, 1001])
      node.crash('power')
    }
  })

  test('of the metadata replica are lost when zeros lie in its place alone', () => {
    const node = voted('zeros-metadata').open()
    node.create(5, 1001)
    node.crash('power')
    for (const path of hardStatePaths(folder)) {
      const [from, to] = [slotPosition(1, 0), slotPosition(2, 0)]
      node.disk.damage.apply({ kind: 'zero', path, from, byteLength: to - from })
    }
    for (let life = 0; life < 2; life += 1) {
      node.open()
      expect(node.opened.amnesiac).toMatchObject([{ group: { topicId: 0 }, replicaId: 1 }])
      expect([...node.storage.groups.keys()]).toEqual(['5-0'])
      node.crash('power')
    }
  })

  test('of a replica are lost with the record of the node', () => {
    const node = voted('node').open().crash('power')
    for (const path of hardStatePaths(folder)) {
      const file = node.disk.process().openSync(path, 'write')
      for (const pair of [0, 1]) {
        for (const parity of [0, 1]) {
          file.writeSync(new Uint8Array([1, 2, 3]), slotPosition(pair, parity) + 100)
        }
      }
      file.syncSync()
    }
    expect(node.open().opened.amnesiac).toMatchObject([{ group: { topicId: 0 }, replicaId: 1 }])
  })

  test('of an unreadable older slot do not matter', () => {
    const node = voted('older')
    breakSlot(node, 'A', 3)
    expect(term(node)).toBe(3)
  })
})

describe('a request with hard state and entries', () => {
  test('syncs hard.A, then hard.B, then the WAL, and calls back after all three', () => {
    const node = new TestNode('order').open()
    const order: string[] = []
    node.disk.onSynced((path) => order.push(path.slice(folder.length + 1)))
    const entries = makeRecords(node.log().base, 0, [10], 4)
    node.wait<[Error?]>((done) => {
      const hardState = { term: 4, votedFor: 1 }
      node.storage.persist(metadata, { hardState, entries }, (error) => {
        order.push('done')
        done(error)
      })
    })
    expect(order).toEqual(['hard.A', 'hard.B', 'wal/wal-0000000001', 'done'])
  })

  test('keeps later requests of its group behind it', () => {
    const node = new TestNode('behind').open()
    const first = makeRecords(node.log().base, 0, [10], 1)
    const second = makeRecords(first[0]!, first[0]!.nextOffset, [10], 1)
    const order: number[] = []
    node.storage.persist(metadata, { hardState: { term: 1, votedFor: 1 }, entries: first }, () =>
      order.push(1),
    )
    node.storage.persist(metadata, { entries: second }, () => order.push(2))
    node.storage.barrier(metadata, () => order.push(3))
    node.storage.persist(metadata, { hardState: { term: 2, votedFor: 1 }, entries: [] }, () =>
      order.push(4),
    )
    node.run(20)
    expect(order).toEqual([1, 2, 3, 4])
    node.crash('power').open()
    expect(node.log().lastIndex).toBe(2)
  })

  test('of many groups share one write of each file', () => {
    const node = new TestNode('many').open()
    for (let group = 0; group < 90; group += 1) node.create(10 + group, 1001 + group)
    let done = 0
    const start = node.simulation.nowMs
    for (let group = 0; group < 90; group += 1) {
      const request = { hardState: { term: 1, votedFor: 0 }, entries: [] }
      node.storage.persist(`${10 + group}-0`, request, () => {
        done += 1
      })
    }
    node.simulation.runUntilTrue(() => done === 90, start + 1000)
    // 90 slots, two at a time, 0.25 ms each on average, and two files.
    expect(node.simulation.nowMs - start).toBeLessThan(40)
    node.crash('power').open()
    expect(node.storage.groups.size).toBe(91)
    expect(node.storage.groups.get('99-0')!.hardState.term).toBe(1)
  })
})

describe('an unknown tail', () => {
  test('is durable until it is known again', () => {
    const node = new TestNode('tail').open().crash('kill')
    const condition = () => node.open().opened.groups.get(metadata)!.condition
    expect(condition()).toBe('clean')
    node.wait<[Error?]>((done) => node.storage.setTailUnknown(metadata, 'a test', done))
    node.crash('power')
    expect(condition()).toBe('unknown-tail')
    node.wait<[Error?]>((done) => {
      node.storage.persist(metadata, { hardState: { term: 9, votedFor: 1 }, entries: [] }, done)
    })
    node.crash('power')
    expect(condition()).toBe('unknown-tail')
    node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
    node.crash('power')
    expect(condition()).toBe('clean')
    expect(node.storage.groups.get(metadata)!.hardState.term).toBe(9)
  })
})

describe('the executed index', () => {
  test('is never ahead of the replicas whose creation it covers', () => {
    // A crash at every moment of a creation: never executed without the replica.
    for (let step = 0; step < 60; step += 1) {
      const node = new TestNode(`executed-${step}`).open()
      const group = { topicId: 5, partition: 0 }
      node.storage.createReplica(
        group,
        1001,
        { voters: [1001] },
        { term: 0, votedFor: 0 },
        42,
        () => {},
      )
      for (let event = 0; event < step; event += 1) node.simulation.step()
      node.crash(step % 2 === 0 ? 'power' : 'kill').open()
      const exists = node.storage.groups.has('5-0')
      if (node.storage.executedIndex === 42) expect(exists).toBe(true)
      if (exists) expect(node.storage.groups.get('5-0')!.replicaId).toBe(1001)
    }
  })

  test('is raised by entries that create nothing here, and by drops of unknown replicas', () => {
    const node = new TestNode('raised').open()
    node.wait<[Error?]>((done) => node.storage.setExecuted(7, done))
    node.wait<[Error?]>((done) =>
      node.storage.dropReplica({ topicId: 9, partition: 0 }, 5, 8, done),
    )
    node.wait<[Error?]>((done) => node.storage.setExecuted(3, done))
    expect(node.crash('power').open().opened.executedIndex).toBe(8)
  })
})
