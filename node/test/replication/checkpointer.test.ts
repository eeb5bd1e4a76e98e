import { beforeEach, describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { ApplyHistory } from '../../src/replication/apply-history.ts'
import { Checkpointer } from '../../src/replication/checkpointer.ts'
import { FakeStorage } from './fake-storage.ts'

describe('checkpointer', () => {
  let fake: FakeStorage
  let checkpointer: Checkpointer
  let outcomes: [number, string | undefined][]

  beforeEach(() => {
    fake = new FakeStorage(
      { topicId: 1, partition: 0 },
      { replicaId: 1, configuration: { voters: [1] } },
    )
    outcomes = []
    checkpointer = new Checkpointer('1-0', fake.storage, fake.log, 10, (index, error) => {
      outcomes.push([index, error?.message])
      checkpointer.written(error)
    })
  })

  const take = (index: number) =>
    checkpointer.take(index, () => {
      const chain = { high: 0, low: index }
      return { index, term: 1, chain, state: new Uint8Array([index]) }
    })
  const under = () => fake.saves.map(({ checkpoint }) => checkpoint.index)

  test('writes nothing this disk does not hold yet', () => {
    take(20)
    checkpointer.write()
    expect(under()).toEqual([])
    fake.log.durableIndex = 19
    checkpointer.write()
    expect(under()).toEqual([])
    fake.log.durableIndex = 20
    checkpointer.write()
    expect(under()).toEqual([20])
  })

  test('writes one at a time, oldest first', () => {
    fake.log.durableIndex = 100
    for (const index of [20, 30, 40]) take(index)
    checkpointer.write()
    expect(under()).toEqual([20])
    fake.saved()
    expect(under()).toEqual([30])
    fake.saved()
    fake.saved()
    expect(outcomes.map(([index]) => index)).toEqual([20, 30, 40])
  })

  test('takes no state that is older than the newest, or whose file is there', () => {
    fake.log.durableIndex = 100
    fake.log.checkpointList = [30]
    for (const index of [5, 10, 30, 40]) take(index)
    checkpointer.write()
    expect(under()).toEqual([40])
    expect(checkpointer.lastIndex).toBe(40)
  })

  test('what could not be written is tried again when it is told to, not before', () => {
    fake.log.durableIndex = 100
    take(20)
    take(30)
    checkpointer.write()
    fake.saved(new Error('no space'))
    checkpointer.write()
    expect(under()).toEqual([])
    checkpointer.retry()
    expect(under()).toEqual([20])
    fake.saved()
    expect(under()).toEqual([30])
  })

  test('one that fell below log start is given up', () => {
    fake.log.durableIndex = 100
    take(20)
    checkpointer.write()
    fake.log.start = { ...fake.log.start, index: 25 }
    fake.saved(new Error('outside'))
    checkpointer.retry()
    expect(under()).toEqual([])
  })

  test('holds a bounded number of states, the newest ones', () => {
    for (let index = 11; index <= 30; index++) take(index)
    fake.log.durableIndex = 100
    checkpointer.write()
    const written: number[] = []
    while (fake.saves.length > 0) {
      written.push(...under())
      fake.saved()
    }
    expect(written).toEqual([23, 24, 25, 26, 27, 28, 29, 30])
  })

  test('says when nothing is under way', () => {
    let idle = 0
    const count = () => {
      idle += 1
    }
    checkpointer.whenIdle(count)
    expect(idle).toBe(1)
    fake.log.durableIndex = 20
    take(20)
    take(30)
    checkpointer.write()
    checkpointer.whenIdle(count)
    expect(idle).toBe(1)
    // 30 cannot be written yet: it is not waited for.
    fake.saved()
    expect(idle).toBe(2)
  })
})

describe('apply history', () => {
  function fail(history: ApplyHistory, index: number): string | undefined {
    history.applying(index)
    return history.haltReason()
  }

  test('failures in a row at one index end in a halt, others do not', () => {
    const history = new ApplyHistory()
    expect(history.haltReason()).toBeUndefined()
    for (let at = 0; at < 20; at++) expect(fail(history, at % 2 === 0 ? 7 : 8)).toBeUndefined()
    for (let at = 1; at < limits.replicaFailuresMax; at++) expect(fail(history, 9)).toBeUndefined()
    expect(fail(history, 9)).toBe(`entry 9 failed ${limits.replicaFailuresMax} times`)
  })

  test('a failure that is not about an entry counts for nothing', () => {
    const history = new ApplyHistory()
    for (let at = 0; at < 10; at++) {
      history.applying(3)
      history.applied()
      expect(history.haltReason()).toBeUndefined()
    }
  })
})
