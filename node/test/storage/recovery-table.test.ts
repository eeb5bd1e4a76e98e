import { describe, expect, test } from 'vitest'
import { walPath } from '../../src/storage/wal-file.ts'
import { blockBytes } from '../../src/storage/wal-format.ts'
import { folder, metadata, TestNode } from './harness.ts'

/** Where entry n of the metadata group begins: batches of one directory and one payload block. */
const directoryOf = (batch: number) => blockBytes * (1 + 2 * (batch - 1))
const payloadOf = (batch: number) => directoryOf(batch) + blockBytes

interface Row {
  readonly name: string
  /** Directories and payloads of batches that are damaged; `seal` is what follows batch 4. */
  readonly directories?: readonly number[]
  readonly payloads?: readonly number[]
  readonly sealed?: boolean
  /** The file ends here. */
  readonly cutAt?: number
  readonly file?: 'missing' | 'header' | 'header and first batch'
  /** What becomes of the group whose entries 1, 2 and 4 are batches 1, 2 and 4. */
  readonly here: Outcome
  /** And of the one whose only entry is batch 3. */
  readonly there: Outcome
}

/** Last index, holes as [first, last, evidence], and whether the tail is unknown. */
type Outcome = readonly [
  last: number,
  holes: readonly (readonly [number, number, string])[],
  unknown?: 'unknown',
]

const whole: Outcome = [3, []]
const other: Outcome = [1, []]

const rows: readonly Row[] = [
  { name: 'nothing', here: whole, there: other },
  { name: 'nothing, and sealed', sealed: true, here: whole, there: other },
  { name: 'a directory with its copy', directories: [2], here: whole, there: other },
  { name: 'the last directory', directories: [4], here: [2, []], there: other },
  {
    name: 'the last directory, sealed: its copy is in the seal',
    directories: [4],
    sealed: true,
    here: whole,
    there: other,
  },
  { name: 'a payload', payloads: [2], here: [3, [[2, 2, 'synced']]], there: other },
  { name: 'the first payload', payloads: [1], here: [3, [[1, 1, 'synced']]], there: other },
  {
    name: 'two payloads that follow each other',
    payloads: [1, 2],
    here: [
      3,
      [
        [1, 1, 'synced'],
        [2, 2, 'synced'],
      ],
    ],
    there: other,
  },
  {
    name: 'the payload of the other group',
    payloads: [3],
    here: whole,
    there: [1, [[1, 1, 'synced']]],
  },
  { name: 'the last payload', payloads: [4], here: [3, [[3, 3, 'begun']]], there: other },
  {
    name: 'the last payload, sealed',
    payloads: [4],
    sealed: true,
    here: [3, [[3, 3, 'synced']]],
    there: other,
  },
  {
    name: 'directory and payload of one batch',
    directories: [2],
    payloads: [2],
    here: [3, [[2, 2, 'synced']]],
    there: other,
  },
  {
    name: 'directory and payload of the last one: nothing tells it from a torn write',
    directories: [4],
    payloads: [4],
    here: [2, []],
    there: other,
  },
  {
    name: 'a directory and its copy: what follows shows what is missing',
    directories: [2, 3],
    here: [3, [[2, 3, 'synced']]],
    there: other,
  },
  {
    name: 'a directory and its copy, sealed: nothing shows what became of one group',
    directories: [3, 4],
    sealed: true,
    here: whole,
    there: [0, [], 'unknown'],
  },
  {
    name: 'the directory before the last and its only copy',
    directories: [3, 4],
    here: [2, []],
    there: [0, []],
  },
  {
    name: 'all behind a point: the file is cut off',
    cutAt: directoryOf(3),
    here: [2, [], 'unknown'],
    there: [0, [], 'unknown'],
  },
  {
    name: 'a cut through the last payload',
    cutAt: payloadOf(4) + 10,
    here: [3, [[3, 3, 'begun']], 'unknown'],
    there: [1, [], 'unknown'],
  },
  {
    name: 'a cut through the header: nothing shows that no batch stood behind it',
    cutAt: 40,
    here: [0, [], 'unknown'],
    there: [0, [], 'unknown'],
  },
  {
    name: 'all of the file but its name',
    cutAt: 0,
    here: [0, [], 'unknown'],
    there: [0, [], 'unknown'],
  },
  {
    name: 'the header, and all behind a point: nothing shows how long the file was',
    file: 'header',
    cutAt: directoryOf(3),
    here: [2, [], 'unknown'],
    there: [0, [], 'unknown'],
  },
  {
    name: 'the header, and all from the last payload on',
    file: 'header',
    cutAt: payloadOf(4) + 10,
    here: [2, [], 'unknown'],
    there: [1, [], 'unknown'],
  },
  { name: 'the file', file: 'missing', here: [0, [], 'unknown'], there: [0, [], 'unknown'] },
  { name: 'the header of the file', file: 'header', here: whole, there: other },
  {
    name: 'header and first batch',
    file: 'header and first batch',
    here: [0, [], 'unknown'],
    there: [0, [], 'unknown'],
  },
]

function damaged(row: Row): TestNode {
  const node = new TestNode(row.name).open()
  node.create(5, 1001)
  node.append([100], 1)
  node.append([100], 1)
  node.append([100], 1, '5-0')
  node.append([100], 1)
  if (row.sealed === true) node.run(50)
  node.crash('kill')
  const path = walPath(folder, 1)
  const { damage } = node.disk
  const flip = (at: number) => expect(damage.apply({ kind: 'flip', path, at })).toBeDefined()
  for (const batch of row.directories ?? []) flip(directoryOf(batch) + 70)
  for (const batch of row.payloads ?? []) flip(payloadOf(batch) + 100)
  if (row.cutAt !== undefined) damage.apply({ kind: 'truncate', path, to: row.cutAt })
  if (row.file === 'missing') damage.apply({ kind: 'delete', path })
  if (row.file === 'header' || row.file === 'header and first batch') flip(20)
  if (row.file === 'header and first batch') flip(directoryOf(1) + 70)
  return node
}

function outcomeOf(node: TestNode, key: string): Outcome {
  const { log, condition } = node.storage.groups.get(key)!
  const holes = log.holes().map((hole) => [hole.firstIndex, hole.lastIndex, hole.evidence] as const)
  return condition === 'clean' ? [log.lastIndex, holes] : [log.lastIndex, holes, 'unknown']
}

describe('a WAL file in which is damaged:', () => {
  test.each(rows)('$name', (row) => {
    const node = damaged(row).open()
    expect([outcomeOf(node, metadata), outcomeOf(node, '5-0')]).toEqual([row.here, row.there])
    // And the same over later crashes, whatever the start itself has written.
    for (const kind of ['power', 'kill', 'power'] as const) {
      node.run(kind === 'kill' ? 50 : 0)
      node.crash(kind).open()
      expect([outcomeOf(node, metadata), outcomeOf(node, '5-0')]).toEqual([row.here, row.there])
    }
  })

  test.each(rows)('$name, with a crash at every operation of the start', (row) => {
    for (let operation = 1; ; operation += 3) {
      const node = damaged(row)
      const point = { operation, when: 'after' } as const
      node.disk.crashPoints.set(point, () => node.disk.crash('power'))
      let cutOff = false
      try {
        node.open()
      } catch {
        cutOff = true
        node.crash('power').open()
      }
      node.disk.crashPoints.clear()
      expect([outcomeOf(node, metadata), outcomeOf(node, '5-0')]).toEqual([row.here, row.there])
      if (!cutOff) return
    }
  })
})
