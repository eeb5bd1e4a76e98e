// Three stores of one group that hold the same log, and damage on one of them, or on two in ranges
// that do not overlap: every hole is filled from whichever other store can read its range, and in
// the end all three hold what the model does.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { damageableFiles } from '../../src/simulation/damageable-files.ts'
import type { LogEntry } from '../../src/storage/log-entry.ts'
import type { LogHole } from '../../src/storage/storage.ts'
import { text } from './crash-replica.ts'
import { newestBatchFile, sparingLastEvidence } from './damage-plan.ts'
import { folder, makeRecords, metadata, TestNode } from './harness.ts'

const runs = Number(process.env['RUNS'] ?? 40)
const seed = process.env['RUNS'] === undefined ? { seed: 1 } : {}

/** The end of the log, as one more place: no segment of these has so high a number. */
const walPlace = 9

interface Hit {
  readonly kind: 'flip' | 'zero' | 'delete' | 'truncate'
  /** Segments by their place in the log; the rest of the log is in the WAL. */
  readonly place: number
}

const hit = fc.record<Hit>({
  kind: fc.constantFrom('flip', 'zero', 'delete', 'truncate'),
  place: fc.oneof(fc.nat(6), fc.constant(walPlace)),
})

const options = {
  walFileBytes: 48 * 1024,
  walBatchBytesMax: 12 * 1024,
  cacheBytesMax: 6 * 1024,
  indexIntervalBytes: 1500,
  undecided: 'keep',
} as const

test(
  'holes of one store are filled from another until all three are whole and equal',
  () => {
    const seen = { holes: 0, tails: 0, two: 0 }
    fc.assert(
      fc.property(
        fc.array(fc.nat(3000), { minLength: 20, maxLength: 60, size: 'max' }),
        fc.array(hit, { minLength: 1, maxLength: 6 }),
        fc.nat(1_000_000),
        fc.boolean(),
        fc.constantFrom<'kill' | 'power'>('kill', 'power'),
        (sizes, hits, number, onTwo, kind) => {
          const nodes = [0, 1, 2].map((each) => new TestNode(`three-${number}-${each}`, options))
          const entries = makeRecords(begin, 0, sizes, 1)
          for (const node of nodes) fillNode(node.open(), entries)
          // No place is hit on both.
          const damaged = hits.map(({ place, kind: what }) => {
            const victim = nodes[onTwo ? place % 2 : 0]!
            return damagePlace(victim, place, what) ? victim : undefined
          })
          seen.two += nodes.filter((node) => damaged.includes(node)).length > 1 ? 1 : 0
          for (const node of nodes) {
            node.crash(kind).open()
            seen.tails += settleTail(node, entries)
            // A start reads no payloads of segments: the first read finds what is wrong with them.
            for (const { index } of entries) node.readSome(index)
          }
          for (const node of nodes) seen.holes += repair(node, nodes)
          for (const node of nodes) {
            expect(node.log().holes()).toEqual([])
            expect(node.readAll().map(text)).toEqual(entries.map(text))
            expect(node.crash('power').open().log().holes()).toEqual([])
          }
        },
      ),
      { numRuns: runs, ...seed },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  },
  Math.max(60_000, runs * 600),
)

const begin = { index: 0, term: 0, chain: { high: 0, low: 0 } }

/** Segments of eight entries each, and the last dozen in the WAL. */
function fillNode(node: TestNode, entries: readonly LogEntry[]): void {
  node.setTerm(1)
  for (let from = 0; from < entries.length; from += 3) node.persist(entries.slice(from, from + 3))
  for (let index = 8; index <= entries.length - 12; index += 8) {
    node.log().roll(index)
    node.log().commit(index)
  }
  node.run(200)
}

function damagePlace({ disk }: TestNode, place: number, kind: Hit['kind']): boolean {
  const segments = damageableFiles(disk, folder).filter((file) => file.kind === 'segment')
  const path = place === walPlace ? newestBatchFile(disk, folder) : segments[place]?.path
  if (path === undefined) return false
  if (kind === 'truncate') {
    return disk.damage.apply({ kind, path, to: 8000 }) !== undefined
  }
  return sparingLastEvidence(disk, folder, { kind, path })
}

/** What an unknown tail may have lost comes from the leader. */
function settleTail(node: TestNode, entries: readonly LogEntry[]): number {
  if (node.storage.groups.get(metadata)!.condition === 'clean') return 0
  const rest = entries.slice(node.log().lastIndex)
  if (rest.length > 0) node.persist(rest)
  node.wait<[Error?]>((done) => node.storage.setTailKnown(metadata, done))
  return 1
}

function repair(node: TestNode, nodes: readonly TestNode[]): number {
  let count = 0
  for (let hole = node.log().holes()[0]; hole !== undefined; hole = node.log().holes()[0]) {
    const found = nodes.filter((each) => each !== node).map((each) => readRange(each, hole!))
    const entries = found.find((each) => each !== undefined)
    if (entries === undefined) throw new Error(`nobody has ${hole.firstIndex}..${hole.lastIndex}`)
    const range = hole
    node.wait<[Error?]>((done) => node.storage.repair(metadata, range, entries, done))
    count += 1
    if (count > 200) throw new Error('repair does not end')
  }
  return count
}

/** Undefined when something of it cannot be read here. */
function readRange(
  node: TestNode,
  { firstIndex, lastIndex }: LogHole,
): readonly LogEntry[] | undefined {
  const entries: LogEntry[] = []
  while (firstIndex + entries.length <= lastIndex) {
    const some = node.readSome(firstIndex + entries.length)
    if (some instanceof Error) return undefined
    entries.push(...some)
  }
  return entries.slice(0, lastIndex - firstIndex + 1)
}
