// Vote arithmetic and peer bookkeeping against slow references that are obviously right [27].
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultRaftOptions } from '../src/index.ts'
import { Progress } from '../src/progress.ts'
import { majority, quorumOver, quorumsOf, quorumValue, tally } from '../src/quorum.ts'
import { origin } from '../src/testing/index.ts'

describe('quorum arithmetic', () => {
  const values = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 9, size: 'max' })

  test('the value of a quorum is the highest that a majority has reached', () => {
    fc.assert(
      fc.property(values, (reached) => {
        const candidates = [...new Set(reached)].sort((one, other) => other - one)
        const slow = candidates.find(
          (candidate) => reached.filter((value) => value >= candidate).length * 2 > reached.length,
        )
        expect(quorumValue([...reached])).toBe(slow)
      }),
      { numRuns: 1000 },
    )
  })

  test('two majorities of the same voters always share one', () => {
    for (let voters = 1; voters <= 9; voters++) {
      expect(2 * majority(voters)).toBeGreaterThan(voters)
      expect(2 * (majority(voters) - 1)).toBeLessThanOrEqual(voters)
    }
  })

  test('a tally is decided exactly when the missing votes cannot change it', () => {
    const votes = fc.array(fc.option(fc.boolean()), { minLength: 1, maxLength: 7, size: 'max' })
    fc.assert(
      fc.property(votes, (all) => {
        const cast = new Map<number, boolean>()
        all.forEach((vote, voter) => {
          if (vote !== null) cast.set(voter, vote)
        })
        const missing = all.length - cast.size
        const granted = [...cast.values()].filter((vote) => vote).length
        const wins = (more: number) => (granted + more) * 2 > all.length
        const slow = wins(0) ? 'won' : wins(missing) ? 'open' : 'lost'
        expect(tally({ voters: all.map((_, voter) => voter) }, cast)).toBe(slow)
      }),
      { numRuns: 1000 },
    )
  })

  test('commit never passes what a majority holds, in whatever order peers answer', () => {
    fc.assert(
      fc.property(values, fc.nat({ max: 9 }), (matches, own) => {
        const peers = matches.map((match, place) => {
          const progress = new Progress(place + 2, 20, 0)
          progress.acked(match, match, 0)
          return progress
        })
        const voters = [1, ...peers.map(({ id }) => id)]
        const index = quorumOver(quorumsOf({ voters }, 1, peers), own, ({ match }) => match, [])
        const holders = [own, ...matches].filter((value) => value >= index).length
        expect(holders * 2).toBeGreaterThan(matches.length + 1)
      }),
      { numRuns: 1000 },
    )
  })
})

type Event =
  | { readonly type: 'send'; readonly entries: number; readonly entryBytes: number }
  | { readonly type: 'ack'; readonly at: number; readonly unreadable: number }
  | { readonly type: 'refuse'; readonly at: number; readonly agreed: number }
  | { readonly type: 'restart'; readonly extent: number }
  | { readonly type: 'gone' }
  | { readonly type: 'read'; readonly above: number; readonly totalBytes: number }
  | { readonly type: 'received'; readonly bytes: number; readonly isResumed: boolean }

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      entries: fc.integer({ min: 1, max: 4 }),
      entryBytes: fc.integer({ min: 1, max: 50 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('ack' as const),
      at: fc.nat({ max: 200 }),
      /** Entries at the end of it that the peer cannot read. */
      unreadable: fc.constantFrom(0, 0, 0, 5, 50),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('refuse' as const),
      at: fc.nat({ max: 200 }),
      agreed: fc.nat({ max: 200 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('restart' as const), extent: fc.nat({ max: 200 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('gone' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('read' as const),
      above: fc.nat({ max: 20 }),
      totalBytes: fc.nat({ max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('received' as const),
      bytes: fc.nat({ max: 10 }),
      isResumed: fc.boolean(),
    }),
  },
)

interface Snapshot {
  /** An ack up to here ends the transfer. */
  readonly needed: number
  readonly totalBytes: number
  readonly offset: number
}

describe('progress of a peer', () => {
  const options = {
    ...defaultRaftOptions,
    id: 1,
    configuration: { voters: [1, 2] },
    session: 1,
    inflightMessagesMax: 3,
    inflightBytesMax: 100,
    appendBytesMax: 60,
  }

  /** The snapshot on its way as plain numbers, after one of the events that concern it. */
  function playTransfer(
    progress: Progress,
    event: Extract<Event, { type: 'gone' | 'read' | 'received' }>,
    snapshot: Snapshot | undefined,
  ): Snapshot | undefined {
    const { transfer } = progress
    if (event.type === 'gone') {
      progress.needsSnapshot(0)
      return { needed: progress.next, totalBytes: 0, offset: 0 }
    }
    if (transfer === undefined || snapshot === undefined) return undefined
    const { needed, totalBytes, offset } = snapshot
    if (event.type === 'read') {
      const index = progress.next + event.above
      const point = { ...origin, index, configuration: { voters: [1, 2] } }
      const isSame = needed === index && totalBytes === event.totalBytes
      const isUsed = transfer.isContinuedBy(point, event.totalBytes)
      expect(isUsed).toBe(offset === 0 || isSame)
      return offset > 0 ? snapshot : { needed: index, totalBytes: event.totalBytes, offset }
    }
    if (transfer.point === undefined) return snapshot
    transfer.isResumed = event.isResumed
    const isNews = event.bytes > offset || (event.isResumed && event.bytes < offset)
    const isUsed = event.bytes <= totalBytes && isNews
    expect(transfer.received(transfer.point.index, event.bytes)).toBe(isUsed)
    return isUsed ? { ...snapshot, offset: event.bytes } : snapshot
  }

  /** What has been sent and not been answered, as a plain list. */
  function play(events: readonly Event[]): void {
    const progress = new Progress(2, 1, 0)
    let window: { last: number; bytes: number }[] = []
    let match = 0
    let reached = 0
    let lastIndex = 0
    let snapshot: Snapshot | undefined
    for (const event of events) {
      switch (event.type) {
        case 'send': {
          if (!progress.maySend(options)) break
          const last = progress.next + event.entries - 1
          const bytes = event.entries * event.entryBytes
          lastIndex = Math.max(lastIndex, last)
          if (progress.state === 'replicate') window.push({ last, bytes })
          progress.sent(last, bytes, 0)
          break
        }
        case 'ack': {
          const at = Math.min(event.at, lastIndex)
          const readable = Math.max(0, at - event.unreadable)
          const isNews = at > reached || readable > match
          expect(progress.acked(readable, at, 0)).toBe(isNews)
          match = Math.max(match, readable)
          reached = Math.max(reached, at)
          window = window.filter(({ last }) => last > reached)
          if (snapshot !== undefined && at >= snapshot.needed) snapshot = undefined
          break
        }
        case 'refuse':
          if (progress.refused(event.at, event.agreed)) window = []
          break
        case 'restart':
          progress.restarted(9, event.extent)
          match = 0
          reached = 0
          window = []
          snapshot = undefined
          break
        default:
          if (event.type === 'gone') window = []
          lastIndex = Math.max(lastIndex, progress.next + 20)
          snapshot = playTransfer(progress, event, snapshot)
      }
      expect(progress.state === 'snapshot').toBe(snapshot !== undefined)
      expect(progress.transfer?.offset).toBe(snapshot?.offset)
      if (snapshot !== undefined) expect(progress.maySend(options)).toBe(false)
      progress.assertConsistent(lastIndex)
      expect(progress.match).toBe(match)
      expect(progress.reached).toBe(reached)
      expect(progress.inflightMessages).toBe(window.length)
      expect(progress.inflightBytes).toBe(window.reduce((sum, { bytes }) => sum + bytes, 0))
      if (progress.state === 'replicate') {
        const isFull =
          window.length >= options.inflightMessagesMax ||
          progress.inflightBytes >= options.inflightBytesMax
        expect(progress.maySend(options)).toBe(!isFull)
      }
    }
  }

  test('knows what is in flight exactly, whatever is sent, acked, refused or restarted [8]', () => {
    const schedules = fc.array(anyEvent, { maxLength: 80, size: 'max' })
    fc.assert(fc.property(schedules, play), { numRuns: 500 })
  })

  test('probing ends: each refusal of a probe lowers the point it starts from', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat({ max: 250 })),
        (next, hints) => {
          const progress = new Progress(2, next, 0)
          for (const hint of hints) {
            const before = progress.next
            progress.sent(before, 1, 0)
            const isUsed = progress.refused(before - 1, hint)
            expect(isUsed).toBe(before > 1)
            if (isUsed) expect(progress.next).toBeLessThan(before)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
