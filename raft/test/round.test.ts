// The last-resort round: who is asked what, when an entry is dropped, and the promise of the term.
import { describe, expect, test } from 'vitest'
import { type Holding, inspectRaft } from '../src/index.ts'
import { awaitedVoters, isNeverCommitted } from '../src/round-decision.ts'
import { makeConfigurationEntry, makeLog } from '../src/testing/index.ts'
import {
  append,
  type Effect,
  heartbeat,
  only,
  Solo,
  type SoloOptions,
  sent,
  voteRequest,
} from './solo.ts'

function answer(solo: Solo, from: number, holding: Holding, pre: boolean): Effect[] {
  const term = solo.raft.term + (pre ? 1 : 0)
  return solo.receive(from, { type: 'hole-reply', pre, term, index: 2, entryTerm: 1, holding })
}

/** A replica whose last entry, 2 of 2, is damaged. */
function asker(options: SoloOptions = {}): Solo {
  return new Solo({ log: [1, 1], hole: [2, 2], undecided: true, ...options })
}

describe('the rule', () => {
  const cases: [string, string, boolean][] = [
    ['a majority lacks it', 'u--', true],
    ['a majority lacks it, however good a copy there is', 'h--', true],
    ['only one lacks it', 'u- ', false],
    ['all answered, none complete', 'u-u', true],
    ['all answered, and one was complete once', 'u-f', false],
    ['all answered, and one has it', 'u-h', false],
    ['all answered, and one does not know its end', 'uu?', true],
    ['a majority lacks it, or does not know its end', 'f-?', false],
    ['one is silent', 'uu ', false],
    ['a majority of five lacks it', 'ff---', true],
    ['two of five lack it', 'uf--u', false],
    ['one is lost, the others never finished it', 'u-L', true],
    ['one is lost, and one has it', 'uhL', false],
    ['one is lost, and one had it complete', 'ufL', false],
    ['one is lost, and one is silent', 'u L--', false],
    ['a lost one is none of a majority that lacks it', 'f-L', false],
    ['a lost one is none of a majority of five that lacks it', 'fh--L', false],
    ['two of five are lost, the others never finished it', 'u-uLL', true],
    ['three of five are lost, so nobody is left who would know', 'u-LLL', false],
    ['a lost one and one without a known end are most of three', 'u?L', false],
    ['a lost one and one without a known end are two of five', 'u-u?L', true],
    ['two do not know their ends, and are most of three', 'u??', false],
  ]
  const words: Record<string, Holding> = {
    h: 'have',
    '-': 'lack',
    u: 'undecided',
    f: 'faulty',
    '?': 'unknown',
  }
  /** `L` is lost, a blank is silent. */
  function answersOf(text: string) {
    const given = [...text].map((letter, place) => [place + 1, words[letter]] as const)
    const answers = new Map(
      given.filter((pair): pair is [number, Holding] => pair[1] !== undefined),
    )
    const lost = [...text].flatMap((letter, place) => (letter === 'L' ? [place + 1] : []))
    return { answers, lost: new Set(lost) }
  }
  test.each(cases)('%s', (_, text, expected) => {
    const voters = Array.from(text, (_letter, place) => place + 1)
    expect(isNeverCommitted({ voters }, answersOf(text))).toBe(expected)
  })

  test('asks both halves of a joint configuration', () => {
    const joint = { voters: [1, 2, 3], outgoing: [1, 4, 5] }
    expect(isNeverCommitted(joint, answersOf('u--  '))).toBe(false)
    expect(isNeverCommitted(joint, answersOf('u----'))).toBe(true)
    expect(isNeverCommitted(joint, answersOf('uuuuu'))).toBe(true)
    expect(isNeverCommitted(joint, answersOf('uuuuf'))).toBe(false)
    expect(isNeverCommitted(joint, answersOf('uuLuL'))).toBe(true)
    // Most of one half are lost.
    expect(isNeverCommitted(joint, answersOf('uuuLL'))).toBe(false)
    expect(isNeverCommitted(joint, answersOf('-LLuu'))).toBe(false)
  })

  test('takes the word of nobody who is lost by now', () => {
    const { answers } = answersOf('u-h')
    expect(isNeverCommitted({ voters: [1, 2, 3] }, { answers, lost: new Set([3]) })).toBe(true)
  })

  test('names who is waited for: the silent, else those with a copy', () => {
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('f-?'))).toEqual([1])
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('u  '))).toEqual([2, 3])
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('u-f'))).toEqual([3])
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('u L'))).toEqual([2])
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('ufL'))).toEqual([2])
    expect(awaitedVoters({ voters: [1, 2, 3] }, answersOf('u?L'))).toEqual([2, 3])
  })
})

describe('a repairing replica without a leader', () => {
  test('asks first what would be answered, and changes nothing', () => {
    const solo = asker()
    const effects = solo.timeOut()
    const request = { type: 'hole-request', pre: true, term: 2, index: 2, entryTerm: 1 }
    expect(sent(effects, 'hole-request')).toEqual([
      [2, request],
      [3, request],
    ])
    expect(only(effects, 'persist')).toEqual([])
    expect(solo.raft.term).toBe(1)
  })

  test('takes the next term only if that would decide', () => {
    const solo = asker()
    solo.timeOut()
    expect(answer(solo, 2, 'lack', true)).toEqual([])
    expect(solo.raft.term).toBe(1)
    const effects = answer(solo, 3, 'undecided', true)
    expect(only(effects, 'persist')[0]?.hardState).toEqual({ term: 2, votedFor: 0 })
    expect(sent(effects, 'hole-request')).toEqual([])
    expect(sent(solo.store(), 'hole-request')).toMatchObject([
      [2, { pre: false, term: 2 }],
      [3, { pre: false, term: 2 }],
    ])
  })

  function inSecondPhase(options: SoloOptions = {}): Solo {
    const solo = asker(options)
    solo.timeOut()
    answer(solo, 2, 'lack', true)
    answer(solo, 3, 'lack', true)
    solo.store()
    return solo
  }

  test('drops the entry in that term, and may campaign then', () => {
    const solo = inSecondPhase()
    expect(answer(solo, 2, 'lack', false)).toEqual([])
    expect(answer(solo, 3, 'lack', false)).toEqual([
      { type: 'persist', id: 2, truncateAfter: 1, entries: [] },
      { type: 'dropped', index: 2 },
    ])
    solo.store()
    expect(inspectRaft(solo.raft)).toMatchObject({ condition: 'clean', lastIndex: 1, waitsFor: [] })
    expect(sent(solo.timeOut(), 'vote-request')).toHaveLength(2)
  })

  test('counts no answer of another term, of the first phase, or about another entry', () => {
    const solo = inSecondPhase()
    answer(solo, 2, 'lack', false)
    const reply = { type: 'hole-reply', pre: false, term: 2, index: 2, entryTerm: 1 } as const
    expect(solo.receive(3, { ...reply, holding: 'lack', term: 1 })).toEqual([])
    expect(solo.receive(3, { ...reply, holding: 'lack', pre: true, term: 3 })).toEqual([])
    expect(solo.receive(3, { ...reply, holding: 'lack', index: 1 })).toEqual([])
    expect(solo.receive(3, { ...reply, holding: 'lack', entryTerm: 2 })).toEqual([])
    expect(solo.receive(3, { ...reply, holding: 'refused' })).toEqual([])
    expect(solo.raft.log.lastIndex).toBe(2)
  })

  test.each([
    ['a newer term', (solo: Solo) => solo.receive(3, voteRequest(3, { index: 1, term: 1 }))],
    ['a leader', (solo: Solo) => solo.receive(3, heartbeat(2))],
    ['a vote given', (solo: Solo) => solo.receive(3, voteRequest(2, { index: 2, term: 1 }))],
    ['repair', repair],
    ['commit', (solo: Solo) => solo.receive(3, append(2, makeLog([1, 1])[1]!, [], 2))],
  ])('ends the round at %s', (_, end) => {
    const solo = inSecondPhase()
    answer(solo, 2, 'lack', false)
    end(solo)
    solo.store()
    const reply = { type: 'hole-reply', pre: false, term: 2, index: 2, entryTerm: 1 } as const
    expect(only(solo.receive(3, { ...reply, holding: 'lack' }), 'dropped')).toEqual([])
    expect(solo.raft.log.lastIndex).toBe(2)
  })

  function repair(solo: Solo): void {
    solo.input({ type: 'repaired', entries: makeLog([1, 1]).slice(1) })
    solo.input({ type: 'holes', cleanThrough: Infinity, undecided: [] })
  }

  test('asks again at each time-out, and names who did not help', () => {
    const solo = asker()
    solo.timeOut()
    answer(solo, 2, 'lack', true)
    expect(sent(solo.timeOut(), 'hole-request')).toHaveLength(2)
    expect(inspectRaft(solo.raft).waitsFor).toEqual([3])
    solo.receive(2, heartbeat(1))
    expect(inspectRaft(solo.raft).waitsFor).toEqual([])
  })

  test('does not wait for anybody where it is alone', () => {
    const solo = asker({ voters: 1 })
    solo.timeOut()
    expect(only(solo.store(), 'dropped')).toEqual([{ type: 'dropped', index: 2 }])
    solo.store()
    solo.timeOut()
    solo.store()
    expect(solo.raft.role).toBe('leader')
  })

  test('never drops what was complete once because others have lost it too', () => {
    const solo = asker({ undecided: false })
    solo.timeOut()
    answer(solo, 2, 'undecided', true)
    answer(solo, 3, 'undecided', true)
    expect(solo.raft.term).toBe(1)
    solo.timeOut()
    expect(inspectRaft(solo.raft).waitsFor).toEqual([1])
  })

  test('does not ask about what is committed', () => {
    const solo = asker({ commit: 2 })
    expect(sent(solo.timeOut(), 'hole-request')).toEqual([])
  })

  test('asks about the first missing entry', () => {
    const solo = new Solo({ log: [1, 1, 1, 1], hole: [3, 4], commit: 2 })
    expect(sent(solo.timeOut(), 'hole-request')[0]?.[1].index).toBe(3)
  })

  test('takes back the configuration that is dropped with the entry', () => {
    const [first, second] = makeLog([1, 1])
    const third = makeConfigurationEntry(second!, 1, { voters: [1, 2, 3], learners: [4] })
    const solo = asker({ entries: [first!, second!, third] })
    expect(inspectRaft(solo.raft).configuration.learners).toEqual([4])
    solo.timeOut()
    for (const pre of [true, false]) {
      answer(solo, 2, 'lack', pre)
      answer(solo, 3, 'lack', pre)
      solo.store()
    }
    expect(inspectRaft(solo.raft)).toMatchObject({
      lastIndex: 1,
      configuration: { voters: [1, 2, 3] },
    })
    expect(inspectRaft(solo.raft).configuration.learners).toBeUndefined()
  })

  test('decides nothing while a configuration may be missing below', () => {
    // It led alone; entry 2, which is missing, may have made others voters.
    const configuration = { voters: [1] }
    const damage = { hole: [2, 4], undecided: true } as const
    const solo = new Solo({ log: [1, 1, 1, 1], ...damage, commit: 2, configuration })
    solo.timeOut()
    solo.store()
    solo.timeOut()
    expect(inspectRaft(solo.raft)).toMatchObject({ lastIndex: 4, term: 1 })
  })

  test('decides nothing about entries of before its first configuration', () => {
    // A replica that joined as learner: the first configuration it knows is that of entry 3.
    const [first, second] = makeLog([1, 1])
    const third = makeConfigurationEntry(second!, 1, { voters: [1, 2, 3] })
    const entries = [first!, second!, third]
    const solo = new Solo({ entries, hole: [2, 2], configuration: { voters: [] } })
    solo.timeOut()
    solo.store()
    solo.timeOut()
    expect(inspectRaft(solo.raft)).toMatchObject({ lastIndex: 3, condition: 'repairing', term: 1 })
  })

  test('waits for a lost voter no longer', () => {
    const solo = asker()
    solo.timeOut()
    answer(solo, 2, 'undecided', true)
    solo.timeOut()
    answer(solo, 2, 'undecided', true)
    expect(inspectRaft(solo.raft).waitsFor).toEqual([3])
    const effects = solo.input({ type: 'lost', replicas: [3] })
    expect(only(effects, 'persist')[0]?.hardState).toEqual({ term: 2, votedFor: 0 })
    expect(inspectRaft(solo.raft).waitsFor).toEqual([])
    solo.store()
    expect(only(answer(solo, 2, 'lack', false), 'dropped')).toEqual([{ type: 'dropped', index: 2 }])
  })

  test('is told of a loss before it asks, or while a write holds its questions back', () => {
    const before = asker()
    before.input({ type: 'lost', replicas: [3] })
    before.timeOut()
    expect(before.raft.term).toBe(1)
    answer(before, 2, 'lack', true)
    expect(before.raft.term).toBe(2)
    const between = inSecondPhase()
    answer(between, 2, 'undecided', false)
    between.input({ type: 'lost', replicas: [2] })
    expect(between.raft.log.lastIndex).toBe(2)
    expect(only(answer(between, 3, 'lack', false), 'dropped')).toHaveLength(1)
  })

  test('asks a lost voter all the same, and gives it its vote: nothing else depends on it', () => {
    const solo = asker()
    solo.input({ type: 'lost', replicas: [3] })
    expect(sent(solo.timeOut(), 'hole-request')).toHaveLength(2)
    expect(solo.receive(3, voteRequest(3, { index: 2, term: 1 })).length).toBeGreaterThan(0)
  })

  test('asks nobody while its own tail is unknown', () => {
    const solo = asker({ condition: 'unknown-tail' })
    expect(sent(solo.timeOut(), 'hole-request')).toEqual([])
  })
})

describe('a replica that is asked', () => {
  const request = { type: 'hole-request', term: 2, index: 2, entryTerm: 1 } as const

  function ask(solo: Solo, pre: boolean, change: object = {}) {
    const effects = solo.receive(2, { ...request, pre, ...change })
    return [...effects, ...solo.store()]
  }

  test.each<[string, SoloOptions, Holding]>([
    ['has it', { log: [1, 1] }, 'have'],
    ['has committed it and let go of it', { log: [1, 1, 1], base: 3 }, 'have'],
    ['has another entry there', { log: [1, 2], term: 2 }, 'lack'],
    ['has only older entries, long released', { log: [1, 1], base: 2, term: 2 }, 'have'],
    ['has a shorter log', { log: [1] }, 'lack'],
    ['cannot read it', { log: [1, 1], hole: [2, 2] }, 'faulty'],
    ['cannot read it, nor tell', { log: [1, 1], hole: [2, 2], undecided: true }, 'undecided'],
    ['does not know its own end', { log: [1], condition: 'unknown-tail' }, 'unknown'],
    [
      'has another entry there, and no known end',
      { log: [1, 2], term: 2, condition: 'unknown-tail' },
      'unknown',
    ],
    ['has it, whatever came after', { log: [1, 1], condition: 'unknown-tail' }, 'have'],
  ])('that %s', (_, options, holding) => {
    const effects = ask(new Solo({ term: 1, ...options }), false)
    expect(sent(effects, 'hole-reply')).toEqual([
      [2, { type: 'hole-reply', pre: false, term: 2, index: 2, entryTerm: 1, holding }],
    ])
  })

  test('knows an entry below memory to be another one by its term', () => {
    const solo = new Solo({ log: [1, 1, 1], base: 3, term: 1 })
    expect(sent(ask(solo, false, { entryTerm: 2 }), 'hole-reply')[0]?.[1].holding).toBe('lack')
  })

  test('answers the first phase without any change', () => {
    const solo = new Solo({ log: [1], term: 1 })
    const effects = solo.receive(2, { ...request, pre: true })
    expect(effects).toMatchObject([
      { type: 'send', message: { pre: true, term: 2, holding: 'lack' } },
    ])
    expect(solo.raft).toMatchObject({ term: 1, role: 'follower' })
  })

  test('has the term on disk before it answers', () => {
    const solo = new Solo({ log: [1], term: 1 })
    const effects = solo.receive(2, { ...request, pre: false })
    expect(effects[0]).toMatchObject({ type: 'persist', hardState: { term: 2, votedFor: 0 } })
    expect(sent(effects, 'hole-reply')).toEqual([])
    expect(sent(solo.store(), 'hole-reply')).toHaveLength(1)
    expect(solo.receive(3, append(1, makeLog([1])[0]!, makeLog([1, 1]).slice(1)))).toMatchObject([
      { type: 'send', message: { type: 'append-reply', success: false, term: 2 } },
    ])
  })

  test('answers when its log on disk is what it says', () => {
    const solo = new Solo({ log: [1, 1], term: 1 })
    const [first] = makeLog([1])
    solo.receive(3, append(2, first!, [{ ...first!, index: 2, term: 2 }]))
    const effects = solo.receive(2, { ...request, pre: false })
    expect(sent(effects, 'hole-reply')).toEqual([])
    expect(sent(solo.store(), 'hole-reply')[0]?.[1].holding).toBe('lack')
  })

  test('refuses while it hears a leader, and keeps its term', () => {
    const solo = new Solo({ log: [1], term: 1 })
    solo.receive(3, heartbeat(1))
    expect(ask(solo, true)).toMatchObject([{ message: { holding: 'refused', term: 1 } }])
    expect(ask(solo, false)).toEqual([])
    expect(solo.raft).toMatchObject({ term: 1, leader: 3 })
  })

  test('tells an asker of an older term the newer one', () => {
    const solo = new Solo({ log: [1], term: 5 })
    expect(ask(solo, true)).toMatchObject([{ message: { holding: 'refused', term: 5 } }])
    expect(ask(solo, false)).toMatchObject([{ message: { holding: 'refused', term: 5 } }])
    const late = asker()
    late.timeOut()
    late.receive(2, { ...request, type: 'hole-reply', pre: true, term: 5, holding: 'refused' })
    expect(late.raft.term).toBe(5)
  })
})
