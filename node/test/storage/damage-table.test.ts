// Files beside the WAL: what becomes of a replica when one of them is damaged, at the start that
// finds it and at every later one. The WAL has its own table: recovery-table.test.ts.
import { describe, expect, test } from 'vitest'
import type { DiskDamage } from '../../src/simulation/simulated-damage.ts'
import { slotPosition } from '../../src/storage/hard-state-format.ts'
import { checkpointPath, segmentPath } from '../../src/storage/replica-files.ts'
import { logBeginMark } from '../../src/storage/tail.ts'
import { folder, makeRecords, metadata, smallOptions, TestNode } from './harness.ts'

const own = `${folder}/groups/0-0.1`
const others = `${folder}/groups/5-0.1001`
const seg = (first: number, replica = own) => segmentPath(replica, first)
const check = (index: number, replica = own) => checkpointPath(replica, index)
const other = '5-0'

/** Of a group: its last index and its holes, or that it may not run; and the checkpoint it begins at. */
interface State {
  readonly last: number
  readonly holes: readonly (readonly [first: number, last: number, where: string])[]
  readonly checkpoint: number | undefined
}

type Outcome = State | 'amnesiac'

interface Row {
  readonly name: string
  readonly damage: readonly DiskDamage[]
  /** The group that is damaged. */
  readonly here?: Partial<State> | 'amnesiac'
  /** The one beside it. */
  readonly there?: Partial<State> | 'amnesiac'
  /** A start ends with this. */
  readonly error?: string
  /** Files that are reported; none when nothing is wrong any more. */
  readonly reported?: readonly string[]
  /** What is reported is made good by the start or soon after: a later one finds nothing. */
  readonly healed?: true
}

const whole: State = { last: 24, holes: [], checkpoint: 20 }

/**
 * Two groups of 24 entries each: 1 to 10 and 11 to 20 in segments, the rest in the WAL;
 * checkpoints at 10 and 20. The log of the first begins at 10 when `retained`.
 */
function made(name: string, retained = false): TestNode {
  const options = { ...smallOptions, cacheBytesMax: 1 }
  const node = new TestNode(name, options).open()
  node.create(5, 1001)
  for (const key of [metadata, other]) {
    const log = node.log(key)
    const entries = [
      ...node.append(Array(12).fill(300), 1, key),
      ...node.append(Array(12).fill(300), 2, key),
    ]
    log.roll(10)
    log.roll(20)
    log.commit(24)
    node.run(500)
    for (const index of [10, 20]) {
      const { term, chain } = entries[index - 1]!
      const checkpoint = { index, term, chain, state: new Uint8Array(5000).fill(index) }
      const [error] = node.wait<[Error?]>((done) =>
        node.storage.saveCheckpoint(key, checkpoint, done),
      )
      expect(error).toBeUndefined()
    }
    if (retained) {
      node.wait<[Error | undefined, number]>((done) => log.dropBelow(10, done))
    }
    node.run(100)
  }
  return node
}

const flip = (path: string, at: number): DiskDamage => ({ kind: 'flip', path, at })
const gone = (path: string): DiskDamage => ({ kind: 'delete', path })
const slots = (letters: string, pair: number, sequences: readonly number[]): DiskDamage[] =>
  [...letters].flatMap((letter) =>
    sequences.map((sequence) =>
      flip(`${folder}/hard.${letter}`, slotPosition(pair, sequence) + 60),
    ),
  )
const entryBytes = makeRecords(logBeginMark, 0, [300], 1)[0]!.sizeBytes
const inFirst: Partial<State> = { holes: [[1, 10, 'segment']] }

const segments: readonly Row[] = [
  { name: 'its header', damage: [flip(seg(1), 20)], reported: [seg(1)], healed: true },
  { name: 'an entry', damage: [flip(seg(1), 4096 + 200)], here: { holes: [[1, 1, 'segment']] } },
  {
    name: 'its footer',
    damage: [flip(seg(1), 4096 + 10 * entryBytes + 10)],
    reported: [seg(1)],
    healed: true,
  },
  { name: 'the file: it is missing', damage: [gone(seg(1))], here: inFirst, reported: [seg(1)] },
  {
    name: 'the file: it is short',
    damage: [{ kind: 'truncate', path: seg(1), to: 4096 + 50 }],
    here: inFirst,
    reported: [seg(1)],
  },
  {
    name: 'the file: it is empty',
    damage: [{ kind: 'truncate', path: seg(1), to: 0 }],
    here: inFirst,
    reported: [seg(1)],
  },
  {
    name: 'the file: it is zeros',
    damage: [{ kind: 'zero', path: seg(1), from: 0, byteLength: 1 << 20 }],
    here: inFirst,
    reported: [seg(1)],
  },
  {
    name: 'the file: it is that of another replica',
    damage: [{ kind: 'swap', path: seg(1), with: seg(1, others) }],
    here: inFirst,
    there: inFirst,
    reported: [seg(1), seg(1, others)],
  },
  {
    name: 'the file: it is another one of the replica',
    damage: [{ kind: 'swap', path: seg(1), with: seg(11) }],
    here: {
      holes: [
        [1, 10, 'segment'],
        [11, 20, 'segment'],
      ],
    },
    reported: [seg(1), seg(11)],
  },
]

const checkpoints: readonly Row[] = [
  {
    name: 'the newest: an older one takes its place',
    damage: [flip(check(20), 3000)],
    here: { checkpoint: 10 },
    reported: [check(20)],
    healed: true,
  },
  {
    name: 'the newest: it is missing',
    damage: [gone(check(20))],
    here: { checkpoint: 10 },
  },
  {
    name: 'the newest: its header',
    damage: [flip(check(20), 50)],
    here: { checkpoint: 10 },
    reported: [check(20)],
    healed: true,
  },
  {
    name: 'the newest: it is cut off',
    damage: [{ kind: 'truncate', path: check(20), to: 4000 }],
    here: { checkpoint: 10 },
    reported: [check(20)],
    healed: true,
  },
  { name: 'an older one', damage: [flip(check(10), 3000)] },
  {
    name: 'all: the machine begins anew and reads the whole log',
    damage: [flip(check(10), 3000), flip(check(20), 3000)],
    here: { checkpoint: undefined },
    reported: [check(10), check(20)],
    healed: true,
  },
  {
    name: 'the newest: it is of another log',
    damage: [{ kind: 'swap', path: check(20), with: check(20, others) }],
    here: { checkpoint: 10 },
    there: { checkpoint: 10 },
    reported: [check(20), check(20, others)],
    healed: true,
  },
  {
    name: 'both: each is at the index of the other',
    damage: [{ kind: 'swap', path: check(20), with: check(10) }],
    here: { checkpoint: undefined },
    reported: [check(10), check(20)],
    healed: true,
  },
]

const retained: readonly Row[] = [
  { name: 'nothing', damage: [] },
  { name: 'the one at the log start, with a newer one', damage: [flip(check(10), 3000)] },
  {
    name: 'the newer one',
    damage: [flip(check(20), 3000)],
    here: { checkpoint: 10 },
    reported: [check(20)],
    healed: true,
  },
  {
    name: 'all: a snapshot is needed',
    damage: [flip(check(10), 3000), flip(check(20), 3000)],
    here: { checkpoint: undefined, holes: [[10, 10, 'checkpoint']] },
    reported: [check(10), check(20)],
  },
  {
    name: 'all are missing',
    damage: [gone(check(10)), gone(check(20))],
    here: { checkpoint: undefined, holes: [[10, 10, 'checkpoint']] },
    reported: [check(10)],
  },
]

const hard = (letter: string) => `${folder}/hard.${letter}`

const hardStates: readonly Row[] = [
  { name: 'the newest slot, once', damage: slots('A', 1, [3]) },
  { name: 'the newest slot in B', damage: slots('B', 1, [3]) },
  { name: 'the slot before, once', damage: slots('A', 1, [2]) },
  { name: 'both slots, in one file', damage: slots('A', 1, [2, 3]) },
  {
    name: 'the newest in one file, the one before in the other',
    damage: [...slots('A', 1, [3]), ...slots('B', 1, [2])],
  },
  {
    name: 'the newest slot, twice',
    damage: slots('AB', 1, [3]),
    here: 'amnesiac',
    reported: [hard('A')],
  },
  {
    name: 'the slot before, twice',
    damage: slots('AB', 1, [2]),
    here: 'amnesiac',
    reported: [hard('A')],
  },
  {
    name: 'all slots of a replica',
    damage: slots('AB', 2, [2, 3]),
    there: 'amnesiac',
    reported: [hard('A')],
  },
  { name: 'the record of the node, once', damage: slots('A', 0, [0, 1]) },
  {
    name: 'the record of the node, twice',
    damage: slots('AB', 0, [0, 1]),
    reported: [hard('A')],
    healed: true,
  },
  {
    name: 'the header of one file',
    damage: [flip(hard('A'), 30)],
    reported: [hard('A')],
    healed: true,
  },
  { name: 'a file', damage: [gone(hard('A'))], reported: [hard('A')], healed: true },
  { name: 'the other file', damage: [gone(hard('B'))], reported: [hard('B')], healed: true },
  {
    name: 'a file: it is cut off',
    damage: [{ kind: 'truncate', path: hard('B'), to: 4096 }],
    reported: [hard('B')],
    healed: true,
  },
  {
    name: 'both files: they changed names',
    damage: [{ kind: 'swap', path: hard('A'), with: hard('B') }],
    reported: [hard('A'), hard('B')],
    healed: true,
  },
  {
    name: 'both files',
    damage: [gone(hard('A')), gone(hard('B'))],
    here: 'amnesiac',
    there: 'amnesiac',
    reported: [hard('A'), hard('B')],
  },
  {
    name: 'one slot in a file, and the other file',
    damage: [...slots('A', 1, [3]), gone(hard('B'))],
    here: 'amnesiac',
    reported: [hard('A'), hard('B')],
  },
]

const copies: readonly Row[] = [
  ['manifest.A', 'manifest.B'],
  ['identity', 'wal/identity'],
  ['secret', 'wal/secret'],
].flatMap((names): Row[] => {
  const [one, second] = names.map((name) => `${folder}/${name}`) as [string, string]
  const healed = (file: string) => ({ reported: [file], healed: true }) as const
  const error = 'QUORATE_STORAGE_DAMAGED'
  return [
    { name: `${names[0]}`, damage: [{ kind: 'flip', path: one, at: 5, bits: 8 }], ...healed(one) },
    { name: `${names[1]}`, damage: [flip(second, 5)], ...healed(second) },
    { name: `${names[0]}: missing`, damage: [gone(one)], ...healed(one) },
    { name: `${names[1]}: missing`, damage: [gone(second)], ...healed(second) },
    {
      name: `${names[0]}: empty`,
      damage: [{ kind: 'truncate', path: one, to: 0 }],
      ...healed(one),
    },
    {
      name: `${names.join(' and ')}`,
      damage: [{ kind: 'flip', path: one, at: 5, bits: 8 }, flip(second, 5)],
      error,
    },
    { name: `${names.join(' and ')}: missing`, damage: [gone(one), gone(second)], error },
  ]
})

function stateOf(node: TestNode, key: string): Outcome {
  const group = node.storage.groups.get(key)
  if (group === undefined) {
    expect(node.opened.amnesiac.map(({ group: { topicId } }) => `${topicId}-0`)).toContain(key)
    return 'amnesiac'
  }
  readThrough(node, key)
  expect(group.condition).toBe('clean')
  const { log } = group
  const holes = log
    .holes()
    .map(({ firstIndex, lastIndex, where }) => [firstIndex, lastIndex, where] as const)
  return { last: log.lastIndex, holes, checkpoint: node.opened.groups.get(key)!.checkpoint?.index }
}

/** What is not a hole can be read, and is what was written. */
function readThrough(node: TestNode, key: string): void {
  const log = node.log(key)
  for (let index = log.firstIndex; index <= log.lastIndex; index += 1) {
    const [error, , entries] = node.wait<
      [Error | undefined, unknown, readonly { index: number }[]]
    >((done) => log.read({ index }, { index, bytes: 1 }, done))
    const isHole = log.holes().some((hole) => hole.firstIndex <= index && index <= hole.lastIndex)
    if (isHole) expect(error).toMatchObject({ code: 'QUORATE_STORAGE_DAMAGED' })
    else expect([error, entries[0]?.index]).toEqual([undefined, index])
  }
}

const expected = (outcome: Row['here']): Outcome =>
  outcome === 'amnesiac' ? outcome : { ...whole, ...outcome }

function verifyRow(node: TestNode, row: Row): void {
  for (const damage of row.damage) expect(node.disk.damage.apply(damage), damage.path).toBeDefined()
  if (row.error !== undefined) {
    for (let start = 0; start < 2; start += 1) {
      expect(() => node.open()).toThrow(expect.objectContaining({ code: row.error }))
      node.crash('power')
    }
    return
  }
  for (const [start, kind] of (['power', 'kill', 'power'] as const).entries()) {
    node.open()
    const reports = node.opened.damage.filter(({ state }) => state !== 'amnesiac')
    const files = [...new Set(reports.map(({ file }) => file))].sort()
    if (start === 0) expect(files).toEqual([...(row.reported ?? [])].sort())
    else if (row.healed) expect(files).toEqual([])
    expect([stateOf(node, metadata), stateOf(node, other)]).toEqual([
      expected(row.here),
      expected(row.there),
    ])
    node.run(kind === 'kill' ? 500 : 200)
    node.crash(kind)
  }
}

describe('a segment of which is damaged:', () => {
  test.each(segments)('$name', (row) => verifyRow(made(row.name).crash('kill'), row))
})

describe('of the checkpoints of a whole log is damaged:', () => {
  test.each(checkpoints)('$name', (row) => verifyRow(made(row.name).crash('kill'), row))
})

describe('of the checkpoints of a log that begins at 10 is damaged:', () => {
  test.each(retained)('$name', (row) => verifyRow(made(row.name, true).crash('kill'), row))
})

describe('of the hard state is damaged:', () => {
  test.each(hardStates)('$name', (row) => verifyRow(made(row.name).crash('kill'), row))
})

describe('of the small files is damaged:', () => {
  test.each(copies)('$name', (row) => verifyRow(made(row.name).crash('kill'), row))
})
