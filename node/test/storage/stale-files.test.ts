// Files that are whole but older than what the node has synced: a disk that gave back an earlier
// content. The newer copy decides; what only the old file held is a hole, never a shorter log.
import { expect, test } from 'vitest'
import { segmentPath } from '../../src/storage/replica-files.ts'
import { folder, metadata, smallOptions, TestNode } from './harness.ts'

const segment = segmentPath(`${folder}/groups/0-0.1`, 1)

/** Moves more than a WAL file of entries into the segment, which goes on growing. */
function grow(node: TestNode, term: number): void {
  for (let round = 0; round < 8; round += 1) node.append([14_000], term)
  node.log().commit(node.log().lastIndex)
  node.run(500)
}

/** Grown twice; the files are then as they were after the first time. */
function stale(name: string, paths: readonly string[]): TestNode {
  const node = new TestNode(name, smallOptions).open()
  grow(node, 1)
  for (const path of paths) node.disk.damage.apply({ kind: 'remember', path })
  grow(node, 2)
  node.setTerm(3)
  node.crash('kill')
  for (const path of paths) {
    expect(node.disk.damage.apply({ kind: 'stale', path }), path).toBeDefined()
  }
  return node
}

function threeStarts(node: TestNode, check: (start: number) => void): void {
  for (const [start, kind] of (['power', 'kill', 'power'] as const).entries()) {
    node.open()
    expect(node.log().lastIndex).toBe(16)
    expect(node.storage.groups.get(metadata)!.condition).toBe('clean')
    check(start)
    node.run(300)
    node.crash(kind)
  }
}

test('a segment: what it had gained since is a hole', () => {
  const node = stale('segment', [segment])
  let first = 0
  threeStarts(node, (start) => {
    const [hole, ...more] = node.log().holes()
    expect(more).toEqual([])
    if (start === 0) first = hole!.firstIndex
    expect(hole).toMatchObject({ firstIndex: first, where: 'segment', evidence: 'synced' })
    expect(first).toBeGreaterThan(1)
    expect(hole!.lastIndex).toBe(node.log().segments().at(-1)!.lastIndex)
    expect(node.opened.damage).toMatchObject([{ state: 'faulty', file: segment }])
  })
})

test.each(['A', 'B'])('hard.%s: the other copy has the term', (letter) => {
  const node = stale(`hard.${letter}`, [`${folder}/hard.${letter}`])
  threeStarts(node, () => {
    expect(node.storage.groups.get(metadata)!.hardState.term).toBe(3)
    expect(node.opened.amnesiac).toEqual([])
  })
})

test.each(['A', 'B'])('manifest.%s: the other copy names what there is', (letter) => {
  const node = stale(`manifest.${letter}`, [`${folder}/manifest.${letter}`])
  threeStarts(node, () => {
    expect(node.log().holes()).toEqual([])
    expect(node.readAll().map(({ index }) => index)).toEqual(
      [...Array(16).keys()].map((at) => at + 1),
    )
  })
})

test('both hard states are older than the log: its term is taken, and the vote in it is used', () => {
  const node = stale('both', [`${folder}/hard.A`, `${folder}/hard.B`])
  threeStarts(node, () => {
    expect(node.storage.groups.get(metadata)!.hardState).toEqual({ term: 2, votedFor: 1 })
  })
})
