// What becomes of a checkpoint that a read or the scrubber finds damaged while the node runs: lost at
// the log start, and only a spare above it.
import { describe, expect, test } from 'vitest'
import { checkpointPath } from '../../src/storage/replica-files.ts'
import type { Checkpoint } from '../../src/storage/storage.ts'
import { folder, metadata, smallOptions, TestNode } from './harness.ts'

const cycleMs = 10_000

function pathOf(index: number): string {
  return checkpointPath(`${folder}/groups/0-0.1`, index)
}

/** Ends of segments at 20, 40 and 60, each with a checkpoint; the log begins after the first. */
function made(seed: string): TestNode {
  const node = new TestNode(seed, {
    ...smallOptions,
    scrubCycleMs: cycleMs,
    scrubBytesPerSecond: 100_000,
  }).open()
  for (let count = 0; count < 6; count += 1) node.append(Array(10).fill(900), 1)
  for (const index of [20, 40, 60]) node.log().roll(index)
  node.log().commit(60)
  node.run(200)
  for (const index of [20, 40, 60]) save(node, index)
  expect(dropBelow(node, 20)).toBe(20)
  return node
}

function save(node: TestNode, index: number): void {
  const { term, chain } = node.log().pointAt(index)!
  const checkpoint = { index, term, chain, state: new Uint8Array(5000).fill(index) }
  const [error] = node.wait<[Error?]>((done) =>
    node.storage.saveCheckpoint(metadata, checkpoint, done),
  )
  expect(error).toBeUndefined()
}

function dropBelow(node: TestNode, index: number): number {
  return node.wait<[Error | undefined, number]>((done) => node.log().dropBelow(index, done))[1]
}

function read(node: TestNode, index: number): Checkpoint | undefined {
  return node.wait<[Checkpoint | undefined]>((done) =>
    node.storage.readCheckpoint(metadata, index, done),
  )[0]
}

function scrub(node: TestNode): void {
  node.run(2 * cycleMs)
}

const finders = [
  ['a read', read],
  ['the scrubber', scrub],
] as const
const damages = ['flip', 'truncate', 'delete'] as const
const cases = finders.flatMap(([who, find]) => damages.map((kind) => [who, kind, find] as const))

describe('a checkpoint at the log start', () => {
  test.each(cases)(
    'is lost when %s finds it after %s, until it is saved again',
    (_, kind, find) => {
      const node = made(`start-${kind}`)
      expect(node.disk.damage.apply({ kind, path: pathOf(20) })).toBeDefined()
      find(node, 20)
      expect(node.holes).toMatchObject([{ firstIndex: 20, lastIndex: 20, where: 'checkpoint' }])
      expect(node.log().holes()).toEqual(node.holes)
      expect(node.log().checkpoints()).toEqual([40, 60])
      find(node, 20)
      expect(node.holes).toHaveLength(1)
      save(node, 20)
      expect(node.log().holes()).toEqual([])
      expect(read(node, 20)?.state[0]).toBe(20)
    },
  )

  test('is lost when it was found damaged while the log start moved to it', () => {
    const node = made('moving')
    node.disk.damage.apply({ kind: 'flip', path: pathOf(40) })
    node.disk.stall(1000, /manifest/)
    let start = 0
    node.log().dropBelow(40, (_, index) => {
      start = index
    })
    expect(read(node, 40)).toBeUndefined()
    expect(start).toBe(0)
    node.run(3000)
    expect(start).toBe(40)
    expect(node.holes).toMatchObject([{ firstIndex: 40, where: 'checkpoint' }])
    save(node, 40)
    expect(node.log().holes()).toEqual([])
  })
})

describe('a damaged checkpoint above the log start', () => {
  test.each(cases)('goes when %s finds it after %s', (_, kind, find) => {
    const node = made(`spare-${kind}`)
    expect(node.disk.damage.apply({ kind, path: pathOf(40) })).toBeDefined()
    find(node, 40)
    expect(node.log().checkpoints()).toEqual([20, 60])
    expect(node.events.filter(({ event }) => event === 'storage.damaged')).toMatchObject([
      { group: metadata, file: pathOf(40), firstIndex: 40 },
    ])
    expect(node.log().holes()).toEqual([])
    node.run(100)
    expect(node.disk.process().existsSync(pathOf(40))).toBe(false)
    find(node, 40)
    expect(node.events.filter(({ event }) => event === 'storage.damaged')).toHaveLength(1)
  })
})

test('a start removes the newest one that it finds damaged, and counts it as repaired', () => {
  const node = made('start')
  node.crash('kill')
  node.disk.damage.apply({ kind: 'flip', path: pathOf(60) })
  node.open()
  expect(node.opened.groups.get(metadata)!.checkpoint!.index).toBe(40)
  expect(node.storage.damage()).toMatchObject([{ state: 'repaired', file: pathOf(60) }])
  expect(node.disk.process().existsSync(pathOf(60))).toBe(false)
})

test('a start that finds the only one damaged tells of it once, as lost', () => {
  const node = made('start-only')
  node.crash('kill')
  for (const index of [20, 40, 60]) node.disk.damage.apply({ kind: 'flip', path: pathOf(index) })
  node.open()
  expect(node.opened.groups.get(metadata)!.checkpoint).toBeUndefined()
  expect(node.storage.damage().filter(({ file }) => file === pathOf(20))).toMatchObject([
    { state: 'faulty', detail: 'the state at the log start cannot be read' },
  ])
  save(node, 20)
  expect(node.storage.damage().filter(({ state }) => state === 'faulty')).toEqual([])
})

test('a checkpoint stays that was read wrong once', () => {
  const node = made('transient')
  node.disk.damage.apply({ kind: 'flip-read', path: pathOf(20) })
  node.disk.damage.apply({ kind: 'flip-read', path: pathOf(40) })
  expect([read(node, 20)?.index, read(node, 40)?.index]).toEqual([20, 40])
  expect(node.log().checkpoints()).toEqual([20, 40, 60])
  expect(node.log().holes()).toEqual([])
})
