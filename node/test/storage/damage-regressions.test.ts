// Cases that the damage property has found, each as small as it gets.
import { expect, test } from 'vitest'
import { pickFile } from '../../src/simulation/damageable-files.ts'
import { folder, metadata, TestNode } from './harness.ts'

function walPath(node: TestNode, number: number): string {
  return pickFile(node.disk, folder, 'wal', number)!.path
}

function condition(node: TestNode): string {
  return node.storage.groups.get(metadata)!.condition
}

function settleTail(node: TestNode): void {
  node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
}

test('a WAL file that was damaged before anything was written is settled once, not at every start', () => {
  const node = new TestNode('empty').open().run(50).crash('power')
  node.disk.damage.apply({ kind: 'truncate', path: walPath(node, 0), to: 52 })
  node.open()
  expect(condition(node)).toBe('unknown-tail')
  settleTail(node)
  node.crash('power').open()
  expect(condition(node)).toBe('clean')
})

test('a lost WAL file that held only a seal is not missed by the start after the next', () => {
  const node = new TestNode('seal').open()
  node.append([100], 1)
  node.run(50).crash('kill').open().crash('kill').open().run(50).crash('kill')
  node.disk.damage.apply({ kind: 'delete', path: walPath(node, 1) })
  for (let start = 0; start < 4; start += 1) {
    node.open()
    expect([condition(node), node.log().lastIndex]).toEqual(['clean', 1])
    node.crash('power')
  }
})

test('entries that were there when earlier damage was settled are missed when they are lost later', () => {
  const node = new TestNode('later').open()
  node.append([100], 1)
  node.run(50).crash('kill')
  // The spare: nothing is lost with it, but that cannot be known.
  node.disk.damage.apply({ kind: 'zero', path: walPath(node, 1), from: 0 })
  node.open()
  expect([condition(node), node.log().lastIndex]).toEqual(['unknown-tail', 1])
  settleTail(node)
  node.crash('kill')
  node.disk.damage.apply({ kind: 'delete', path: walPath(node, 0) })
  node.open()
  expect(condition(node)).toBe('unknown-tail')
})

test('entries that were copied forward since damage was settled are not missed', () => {
  const node = new TestNode('copied', {
    walFileBytes: 48 * 1024,
    walBatchBytesMax: 12 * 1024,
    copyForwardFiles: 1,
  }).open()
  node.append([100], 1)
  node.run(50).crash('kill')
  node.disk.damage.apply({ kind: 'truncate', path: walPath(node, 1), to: 2792 })
  node.open()
  settleTail(node)
  node.create(5, 100)
  for (let count = 0; count < 20; count += 1) node.append([4000], 1, '5-0')
  node.run(200)
  node.crash('power').open()
  expect([condition(node), node.log().lastIndex]).toEqual(['clean', 1])
})

test('a WAL file that was cut short is not used again for what its header says', () => {
  const node = new TestNode('short', {
    walFileBytes: 48 * 1024,
    walBatchBytesMax: 12 * 1024,
  }).open()
  for (let count = 0; count < 8; count += 1) node.append([4000, 4000], 1)
  node.run(100).crash('kill')
  node.disk.damage.apply({ kind: 'truncate', path: walPath(node, 0), to: 49_151 })
  node.open()
  node.log().roll(16)
  node.log().commit(16)
  node.run(200)
  for (let count = 0; count < 12; count += 1) node.append([4000, 4000], 1)
  node.run(200).crash('power').open()
  expect([condition(node), node.log().holes()]).toEqual(['clean', []])
})

test('a log cut off among entries that were lost without a trace ends before them', () => {
  const node = new TestNode('cut among lost').open()
  for (const sizes of [[100, 100], [100, 100], [100], [100]]) node.append(sizes, 1)
  node.wait<[Error?]>((done) => {
    node.storage.persist(metadata, { truncateAfter: 4, entries: [] }, done)
  })
  node.crash('kill')
  // Batches of two blocks, the second and the third: only the third names the entries of the second.
  const from = 3 * 4096
  node.disk.damage.apply({ kind: 'zero', path: walPath(node, 0), from, byteLength: 4 * 4096 })
  node.open()
  expect([condition(node), node.log().lastIndex]).toEqual(['unknown-tail', 2])
  settleTail(node)
  node.crash('power').open()
  expect([condition(node), node.log().lastIndex]).toEqual(['clean', 2])
})

test('a batch that the device wrote over the blocks of the next one hides no later batch', () => {
  for (let seed = 0; seed < 12; seed += 1) {
    const node = new TestNode(`astray-${seed}`).open()
    node.append([100], 1)
    node.disk.damage.apply({ kind: 'misdirect', path: walPath(node, 0) })
    for (let count = 0; count < 4; count += 1) node.append([100], 1)
    node.crash('kill').open()
    expect([condition(node), node.log().lastIndex]).toEqual(['clean', 5])
    const lost = node
      .log()
      .holes()
      .map(({ firstIndex, lastIndex }) => lastIndex - firstIndex + 1)
    expect(lost.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2)
  }
})

test('an old log that a crash brings back while a snapshot is installed has its start', () => {
  const state = new Uint8Array(10)
  for (let afterMs = 0; afterMs < 30; afterMs += 0.3) {
    const node = new TestNode(`install-${afterMs}`).open()
    node.append([100, 100, 100], 1)
    for (const index of [1, 2, 3]) {
      node.log().roll(index)
      node.log().commit(index)
      node.run(50)
      const checkpoint = { ...node.log().pointAt(index)!, state }
      node.wait<[Error?]>((done) => node.storage.saveCheckpoint(metadata, checkpoint, done))
    }
    node.wait<[Error | undefined, number]>((done) => node.log().dropBelow(1, done))
    const mark = { ...node.log().start, index: 9, chain: { high: 1, low: 1 } }
    const snapshot = { mark, configuration: { voters: [1] }, state }
    node.storage.persist(metadata, { snapshot, entries: [] }, () => {})
    node.run(afterMs).crash('kill').open()
    expect(node.log().holes(), `${afterMs} ms`).toEqual([])
  }
})
