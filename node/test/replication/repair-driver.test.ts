// Repair of holes, decision by decision: whom a replica asks, what it believes, when it gives up.
import { chunksOf } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  decodeEntries,
  decodeFound,
  type EntriesFound,
  type EntriesWanted,
  encodeEntries,
  readWanted,
} from '../../src/replication/repair-codec.ts'
import { peerNodes, RepairDriver } from '../../src/replication/repair-driver.ts'
import { serveEntries } from '../../src/replication/repair-server.ts'
import { makeEntry } from '../../src/storage/entry-format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import type { GroupLog, LogHole } from '../../src/storage/storage.ts'

const origin: LogPoint = { index: 0, term: 0, chain: { high: 0, low: 0 } }

function logOf(count: number, text: string): LogEntry[] {
  const entries: LogEntry[] = []
  for (let index = 1; index <= count; index++) {
    const payload = chunksOf(new TextEncoder().encode(`${text} ${index}`))
    const fields = { term: 1, type: EntryType.termStart, appendTimeMs: 0, payload }
    entries.push(makeEntry(entries.at(-1) ?? origin, fields))
  }
  return entries
}

const good = logOf(9, 'good')
const other = logOf(9, 'other')

function hole(firstIndex: number, lastIndex: number, fields: Partial<LogHole> = {}): LogHole {
  const before = good[firstIndex - 2] ?? origin
  const last = good[lastIndex - 1]!
  const place = { where: 'wal', file: 'wal-1', from: 0, to: 4096 } as const
  return { firstIndex, lastIndex, term: 1, before, last, evidence: 'synced', ...place, ...fields }
}

interface Question {
  readonly node: string
  readonly wanted: EntriesWanted
  done(found: EntriesFound | undefined): void
}

let holes: LogHole[]
let questions: Question[]
let repairs: { hole: LogHole; entries: readonly LogEntry[]; done: (error?: Error) => void }[]
let events: string[]
/** Reads of the own disk, and what the next ones give. */
let rereads: LogHole[]
let onDisk: (readonly LogEntry[])[]
let waits: number
let peers: string[]
let repaired: number[]
let retired: number[]
let driver: RepairDriver

beforeEach(() => {
  holes = [hole(3, 6)]
  questions = []
  repairs = []
  events = []
  rereads = []
  onDisk = []
  waits = 0
  peers = ['n2', 'n3']
  repaired = []
  retired = []
  driver = newDriver()
})

function newDriver(): RepairDriver {
  return new RepairDriver({
    key: '5-0',
    log: { holes: () => holes } as unknown as GroupLog,
    storage: {
      reread: (_, wanted, done) => {
        rereads.push(wanted)
        const entries = onDisk.shift()
        if (entries !== undefined) holes = holes.filter((each) => each !== wanted)
        done(entries)
      },
      repair: (_, filled, entries, done) => repairs.push({ hole: filled, entries, done }),
    },
    fetch: (node, wanted, done) => questions.push({ node, wanted, done }),
    peers: () => peers,
    inTurn: (run) => run(),
    lookAfter: () => {
      waits += 1
    },
    repaired: (entries) => repaired.push(...entries.map(({ index }) => index)),
    retired: (index) => retired.push(index),
    event: (name) => events.push(name),
  })
}

function answer(entries: readonly LogEntry[] | undefined): void {
  questions.shift()!.done(entries && { entries, retiredThrough: 0 })
}

describe('the driver', () => {
  test('asks for a hole piece by piece, has it written, and tells the replica then', () => {
    driver.look()
    expect(questions[0]).toMatchObject({
      node: 'n2',
      wanted: { group: '5-0', fromIndex: 3, lastIndex: 6 },
    })
    answer(good.slice(2, 4))
    expect(questions[0]).toMatchObject({ node: 'n2', wanted: { fromIndex: 5, lastIndex: 6 } })
    answer(good.slice(4))
    expect(repairs.map(({ entries }) => entries)).toEqual([good.slice(2, 6)])
    expect(repaired).toEqual([])
    holes = []
    repairs[0]!.done()
    expect(repaired).toEqual([3, 4, 5, 6])
    expect(events).toEqual(['storage.repaired'])
    expect(questions).toEqual([])
  })

  test('asks nobody for what its own disk gives when it is read again', () => {
    onDisk = [good.slice(2, 6)]
    driver.look()
    expect(rereads).toMatchObject([{ firstIndex: 3 }])
    expect(questions).toEqual([])
    expect(repairs).toEqual([])
    expect(repaired).toEqual([3, 4, 5, 6])
    expect(events).toEqual(['storage.readable-again'])
    expect(waits).toBe(0)
  })

  test('has the longest beginning that a peer had written when nobody has all of a torn batch', () => {
    holes = [hole(3, 6, { evidence: 'begun' })]
    driver.look()
    answer(good.slice(2, 3))
    answer([])
    answer(good.slice(2, 5))
    expect(repairs).toEqual([])
    answer([])
    expect(repairs.map(({ entries }) => entries)).toEqual([good.slice(2, 5)])
    holes = [hole(6, 6, { evidence: 'begun' })]
    repairs[0]!.done()
    expect(repaired).toEqual([3, 4, 5])
    expect(events).toEqual(['storage.repaired'])
    expect(questions).toMatchObject([{ wanted: { fromIndex: 6, lastIndex: 6 } }])
  })

  test('writes no beginning of what was synced, of another term, or without what is before it', () => {
    const fields: Partial<LogHole>[] = [
      {},
      { evidence: 'begun', term: 2 },
      { evidence: 'begun', before: undefined },
      { evidence: 'begun', where: 'segment' },
    ]
    for (const each of fields) {
      holes = [hole(3, 6, each)]
      driver.look()
      for (let peer = 0; peer < 2; peer += 1) {
        answer(good.slice(2, 4))
        answer([])
      }
      expect(repairs).toEqual([])
      driver.waited()
      questions = []
      driver = newDriver()
    }
  })

  test('reads each hole once a round, before peers are asked for it', () => {
    holes = [hole(1, 2), hole(5, 6)]
    driver.look()
    expect(rereads).toHaveLength(1)
    answer([])
    answer([])
    expect(rereads).toMatchObject([{ firstIndex: 1 }, { firstIndex: 5 }])
    answer([])
    answer([])
    expect(waits).toBe(1)
    onDisk = [good.slice(0, 2)]
    driver.waited()
    expect(repaired).toEqual([1, 2])
    expect(rereads.slice(2)).toMatchObject([{ firstIndex: 1 }, { firstIndex: 5 }])
    expect(questions).toMatchObject([{ wanted: { fromIndex: 5 } }])
  })

  test('without peers reads its own disk again after each pause', () => {
    peers = []
    holes = [hole(1, 2), hole(5, 6)]
    driver.look()
    expect(rereads).toMatchObject([{ firstIndex: 1 }, { firstIndex: 5 }])
    expect(waits).toBe(1)
    onDisk = [good.slice(0, 2), good.slice(4, 6)]
    driver.waited()
    expect(repaired).toEqual([1, 2, 5, 6])
    expect(waits).toBe(1)
  })

  test('asks peers first for a hole that comes back, and reads again after a pause', () => {
    const [found] = holes
    onDisk = [good.slice(2, 6)]
    driver.look()
    holes = [found!]
    driver.look()
    expect(rereads).toHaveLength(1)
    answer([])
    answer([])
    expect(waits).toBe(1)
    expect(rereads).toHaveLength(1)
    onDisk = [good.slice(2, 6)]
    driver.waited()
    expect(rereads).toHaveLength(2)
    peers = []
    holes = [found!]
    driver.look()
    expect(rereads).toHaveLength(2)
    expect(waits).toBe(2)
    driver.waited()
    expect(rereads).toHaveLength(3)
  })

  test('works on one hole at a time, and then on the next', () => {
    holes = [hole(1, 2), hole(5, 6)]
    driver.look()
    driver.look()
    expect(questions).toHaveLength(1)
    answer(good.slice(0, 2))
    holes = [hole(5, 6)]
    repairs[0]!.done()
    expect(questions).toMatchObject([{ wanted: { fromIndex: 5 } }])
  })

  test.each([
    ['nothing', undefined],
    ['no entries', []],
    ['entries of another log', other.slice(2, 6)],
    ['entries from elsewhere', good.slice(3, 6)],
  ])('passes over a peer that gives %s', (_, entries) => {
    driver.look()
    answer(entries)
    expect(questions).toMatchObject([{ node: 'n3', wanted: { fromIndex: 3 } }])
    answer(good.slice(2, 6))
    expect(repairs).toHaveLength(1)
  })

  test('believes only what ends as the hole ends, also where its beginning is not known', () => {
    holes = [hole(3, 6, { before: undefined })]
    driver.look()
    answer(other.slice(2, 6))
    expect(repairs).toEqual([])
    answer(good.slice(2, 6))
    expect(repairs).toHaveLength(1)
  })

  test('goes on to the next hole when no peer can fill one, and waits when none can be filled', () => {
    holes = [hole(1, 2), hole(5, 6)]
    driver.look()
    answer([])
    answer([])
    expect(questions).toMatchObject([{ wanted: { fromIndex: 5 } }])
    answer([])
    answer([])
    expect(questions).toEqual([])
    expect(waits).toBe(1)
    driver.look()
    expect(questions).toEqual([])
    driver.waited()
    expect(questions).toMatchObject([{ wanted: { fromIndex: 1 } }])
  })

  test('lets a hole be that was truncated meanwhile', () => {
    driver.look()
    holes = []
    answer(good.slice(2, 6))
    expect(repairs).toEqual([])
    expect(events).toEqual([])
  })

  test('tells when storage refuses, and tries again', () => {
    driver.look()
    answer(good.slice(2, 6))
    repairs[0]!.done(new Error('refused'))
    expect(events).toEqual(['storage.repair-failed'])
    expect(repaired).toEqual([])
    expect(questions).toMatchObject([{ node: 'n3' }])
  })

  test('leaves a lost state at the log start to a snapshot', () => {
    holes = [hole(3, 6, { where: 'checkpoint' })]
    driver.look()
    expect(questions).toEqual([])
    expect(waits).toBe(0)
  })

  test('asks all others of the group, each node once, whatever they are there', () => {
    const nodes = new Map([
      [1, 'n1'],
      [2, 'n2'],
      [3, 'n3'],
      [4, 'n1'],
    ])
    const configuration = { voters: [1, 2], outgoing: [1, 4], learners: [3, 5] }
    expect(peerNodes(configuration, 1, (replica) => nodes.get(replica))).toEqual(['n2', 'n3'])
  })
})

test('what a peer keeps no more is told, and the next peer asked', () => {
  driver.look()
  questions.shift()!.done({ entries: [], retiredThrough: 7 })
  expect(retired).toEqual([7])
  expect(questions[0]).toMatchObject({ node: 'n3', wanted: { fromIndex: 3 } })
  // The log begins above the hole now.
  holes = []
  answer([])
  expect(repairs).toEqual([])
})

describe('a node that is asked', () => {
  function ask(body: object, admits = true) {
    const log = {
      start: { index: 1 },
      firstIndex: 2,
      lastIndex: 9,
      read: (
        from: { index: number },
        limit: { index: number },
        done: (error: undefined, previous: LogPoint, entries: readonly LogEntry[]) => void,
      ) => done(undefined, good[from.index - 2]!, good.slice(from.index - 1, limit.index)),
    }
    const groups = new Map([['5-0', { log }]]) as never
    let reply: unknown
    serveEntries({ storage: { groups }, admits: () => admits }, body as never, (given) => {
      reply = given
    })
    return reply as { payload: ReturnType<typeof encodeEntries>; code?: string }
  }

  test('gives what it has of the range, whole or cut short', () => {
    const wanted = { group: '5-0', fromIndex: 3, lastIndex: 6 }
    expect(decodeEntries(ask(wanted).payload)).toEqual(good.slice(2, 6))
    expect(decodeEntries(ask({ ...wanted, lastIndex: 99 }).payload)).toEqual(good.slice(2, 9))
  })

  test.each([
    { group: '6-0', fromIndex: 3, lastIndex: 6 },
    { group: '5-0', fromIndex: 10, lastIndex: 12 },
  ])('gives nothing of $group from $fromIndex on', (wanted) => {
    expect(decodeEntries(ask(wanted).payload)).toEqual([])
  })

  test('says how far it keeps nothing any more', () => {
    const { payload } = ask({ group: '5-0', fromIndex: 1, lastIndex: 6 })
    expect(decodeFound(payload)).toEqual({ entries: [], retiredThrough: 1 })
    expect(decodeEntries(payload)).toBeUndefined()
    const whole = ask({ group: '5-0', fromIndex: 3, lastIndex: 6 }).payload
    expect(decodeFound(whole)).toEqual({ entries: good.slice(2, 6), retiredThrough: 0 })
    expect(decodeFound(chunksOf(new Uint8Array(8).fill(255)))).toBeUndefined()
  })

  test('refuses what is no question, and what is too much for now', () => {
    expect(ask({ group: 5, fromIndex: 1, lastIndex: 2 }).code).toBe('QUORATE_INVALID_REQUEST')
    expect(readWanted({ group: '5-0', fromIndex: 3, lastIndex: 2 })).toBeUndefined()
    expect(ask({ group: '5-0', fromIndex: 3, lastIndex: 6 }, false).code).toBe('QUORATE_OVERLOADED')
  })

  test('never answers with less than entries: cut or foreign bytes are none', () => {
    const { pieces } = encodeEntries(good.slice(0, 2))
    expect(decodeEntries(chunksOf(...pieces.slice(0, -1)))).toBeUndefined()
    expect(decodeEntries(chunksOf(new Uint8Array(64)))).toBeUndefined()
    expect(decodeEntries(chunksOf(new Uint8Array(10)))).toBeUndefined()
  })
})
