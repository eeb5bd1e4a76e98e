import { describe, expect, test } from 'vitest'
import { damageableFiles, pickFile } from '../../src/simulation/damageable-files.ts'
import type { DiskDamage } from '../../src/simulation/simulated-damage.ts'
import { type VerifiedRange, verifyStorage } from '../../src/storage/verify.ts'
import { folder, metadata, TestNode } from './harness.ts'

/** A stopped node with segments, a checkpoint, and entries in the WAL. */
function stopped(seed = 'verify'): TestNode {
  const node = new TestNode(seed).open()
  node.append(
    Array.from({ length: 40 }, (_, number) => 300 + number),
    1,
  )
  node.log().roll(15)
  node.log().roll(30)
  node.log().commit(35)
  node.run(100)
  const point = node.log().pointAt(30)!
  node.wait((done) => {
    node.storage.saveCheckpoint(metadata, { ...point, state: new Uint8Array(1000) }, done)
  })
  node.append([100, 200], 1)
  node.wait((done) => node.storage.close(done))
  return node.crash('kill')
}

function verified(node: TestNode) {
  return verifyStorage(node.disk.process(), folder)
}

function bad(node: TestNode): VerifiedRange[] {
  return verified(node).ranges.filter(({ state }) => state !== 'good')
}

describe('the files of a node', () => {
  test('that was closed are good, every one of them, and nothing is changed', () => {
    const node = stopped()
    const before = node.disk.crashPoints.count
    const { clean, ranges, groups, nodeId } = verified(node)
    expect({ clean, nodeId }).toEqual({ clean: true, nodeId: 'n1' })
    expect(ranges.filter(({ state }) => state !== 'good')).toEqual([])
    const paths = damageableFiles(node.disk, folder).map(({ path }) => path)
    expect(ranges.map(({ file }) => file).sort()).toEqual(paths.sort())
    expect(groups).toEqual([
      {
        group: metadata,
        replicaId: 1,
        state: 'clean',
        firstIndex: 1,
        lastIndex: 42,
        damagedEntries: 0,
      },
    ])
    expect(node.disk.crashPoints.count).toBe(before)
  })

  test('that lost power are clean too: a torn write is no damage', () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const node = new TestNode(`torn-${seed}`).open()
      node.append([300, 300], 1)
      const hardState = { term: 2, votedFor: 1 }
      node.storage.persist(metadata, { hardState, entries: [] }, () => {})
      node.run(0.1 + (seed % 10) / 10)
      node.crash('power')
      expect(verified(node).clean).toBe(true)
    }
  })
})

describe('a damaged file', () => {
  test.each([
    'segment',
    'checkpoint',
    'manifest.A',
    'manifest.B',
    'identity',
    'wal/identity',
  ] as const)('%s is found wherever the bit has flipped, and named', (kind) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const node = stopped(`flip-${seed}`)
      const { path } = pickFile(node.disk, folder, kind, seed)!
      node.disk.damage.apply({ kind: 'flip', path })
      const { clean, ranges } = verified(node)
      expect(clean).toBe(false)
      expect(ranges.filter(({ state }) => state !== 'good').length).toBeGreaterThan(0)
    }
  })

  const whole: readonly DiskDamage['kind'][] = ['zero', 'truncate', 'delete']
  test.each(whole)('is found after %s, whatever file it is', (kind) => {
    for (const { path, kind: file } of damageableFiles(stopped().disk, folder)) {
      // A checkpoint above the log start is not missed: another one may be written at any time.
      if (kind === 'delete' && file === 'checkpoint') continue
      const node = stopped()
      node.disk.damage.apply({ kind, path, from: 0, to: 10 } as DiskDamage)
      expect(verified(node).clean, path).toBe(false)
    }
  })

  test('of a segment costs the entries in the damaged bytes and no others', () => {
    const node = stopped()
    const { path } = pickFile(node.disk, folder, 'segment', 1)!
    const good = verified(node).ranges.find(({ file }) => file === path)!
    node.disk.damage.apply({ kind: 'flip', path, at: 4096 + 64 + 200 })
    expect(bad(node)).toMatchObject([
      { kind: 'segment', file: path, group: metadata, firstIndex: good.firstIndex },
    ])
    expect(bad(node)[0]!.lastIndex).toBe(good.firstIndex)
    // The header of an entry: what lies behind it is found again at the next row of the index.
    node.disk.damage.apply({ kind: 'flip', path, at: 4096 + 20 })
    const [range] = bad(node)
    expect(range!.lastIndex).toBeGreaterThan(good.firstIndex!)
    expect(range!.lastIndex).toBeLessThan(good.lastIndex!)
    expect(verified(node).groups[0]).toMatchObject({ state: 'holes' })
  })

  test('of hard state is told from a torn write', () => {
    const node = stopped()
    const slots = [4096 + 1024, 4096 + 1024 + 512]
    const states = slots.flatMap((at) =>
      ['hard.A', 'hard.B'].map((name) => {
        const path = `${folder}/${name}`
        node.disk.damage.apply({ kind: 'remember', path })
        node.disk.damage.apply({ kind: 'flip', path, at: at + 100 })
        const [found] = bad(node)
        node.disk.damage.apply({ kind: 'stale', path })
        return `${name} ${(at - 4096) / 512}: ${found?.state}`
      }),
    )
    // The node's term is at sequence 1 or 2; a change under way is torn in A first, and in B last.
    expect(states.filter((text) => text.endsWith('torn')).length).toBe(2)
    expect(states.filter((text) => text.endsWith('damaged')).length).toBe(2)
  })
})

test('a folder without a node in it is refused as a start refuses it', () => {
  const node = stopped()
  expect(() => verifyStorage(node.disk.process(), '/none')).toThrow(
    expect.objectContaining({ code: 'QUORATE_DATA_NOT_FORMATTED' }),
  )
})

describe('a replica', () => {
  test('without term and vote is named as one that never runs again', () => {
    const node = stopped()
    for (const name of ['hard.A', 'hard.B']) {
      node.disk.damage.apply({ kind: 'zero', path: `${folder}/${name}`, byteLength: 8192 })
    }
    const { clean, groups } = verified(node)
    expect([clean, groups.map(({ group, state }) => [group, state])]).toEqual([
      false,
      [[metadata, 'amnesiac']],
    ])
  })

  test('that may miss the end of its log is named, also when a start has settled the loss', () => {
    const node = stopped()
    node.disk.damage.apply({ kind: 'delete', path: pickFile(node.disk, folder, 'wal', 0)!.path })
    expect(verified(node).groups[0]).toMatchObject({ state: 'unknown-tail' })
    node.open().crash('power')
    expect(verified(node)).toMatchObject({ clean: false, groups: [{ state: 'unknown-tail' }] })
  })
})
