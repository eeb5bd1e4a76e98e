// Every anomaly by a history made by hand that has it, named with exactly the events that show it; no
// anomaly of the table is without such a history.
import { type AnomalyName, anomalyTable, checkHistory } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { Story, sparseTopic } from './story.ts'

interface Case {
  readonly name: AnomalyName
  readonly what: string
  /** Tells the story and returns the events that must be named. */
  readonly tell: (story: Story) => number[]
  readonly story?: Story
  /** What follows from it by definition. */
  readonly also?: readonly AnomalyName[]
}

const cases: readonly Case[] = [
  {
    name: 'inconsistent-offsets',
    what: 'an ack and a reader tell two values of one offset',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      story.unknown(story.begin('b', 'y'))
      const read = story.read('r', 'y@0')
      story.readBack('x@0')
      return [ack, read]
    },
    // y was there, and is gone.
    also: ['lost-write'],
  },
  {
    name: 'inconsistent-offsets',
    what: 'two readers tell two values of one offset, in a partition that is excused',
    tell: (story) => {
      story.unknown(story.begin('a', 'x'))
      story.unknown(story.begin('b', 'y'))
      const first = story.read('r', 'x@0')
      const second = story.read('s', 'y@0')
      story.excused(0)
      return [first, second]
    },
    also: ['excused', 'no-final-read'],
  },
  {
    name: 'duplicate',
    what: 'a record of unknown outcome is there twice',
    tell: (story) => {
      story.unknown(story.begin('a', 'x'))
      const first = story.read('r', 'x@0')
      const final = story.readBack('x@0', 'x@1')
      return [first, final]
    },
  },
  {
    name: 'duplicate',
    what: 'an acked record is there twice, without a promise against it',
    tell: (story) => {
      const ack = story.send('a', 'x', 1)
      return [ack, story.readBack('x@0', 'x@1')]
    },
    story: new Story({ idempotent: false }),
  },
  {
    name: 'moved-record',
    what: 'the record is at another offset than its ack says',
    tell: (story) => {
      const ack = story.send('a', 'x', 5)
      return [ack, story.readBack('x@0')]
    },
  },
  {
    name: 'lost-write',
    what: 'readers went past an acked record (Jepsen)',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      story.send('a', 'y', 1)
      story.assigned('r')
      story.read('r', 'y@1')
      return [ack]
    },
    also: ['poll-skip', 'no-final-read'],
  },
  {
    name: 'lost-write',
    what: 'readers went past an acked record where offsets have gaps',
    tell: (story) => {
      const ack = story.send('a', 'x', 10)
      story.send('a', 'y', 20)
      story.assigned('r')
      story.read('r', 'y@20')
      return [ack]
    },
    story: new Story({ topics: [sparseTopic] }),
    also: ['poll-skip', 'no-final-read'],
  },
  {
    name: 'lost-write',
    what: 'an acked record was read, and is not there in the end',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      const read = story.read('r', 'x@0')
      story.readBack()
      return [ack, read]
    },
  },
  {
    name: 'lost-write',
    what: 'a record of unknown outcome was read, and is not there in the end',
    tell: (story) => {
      const unknown = story.unknown(story.begin('a', 'x'))
      const read = story.read('r', 'x@0')
      story.readBack()
      return [unknown, read]
    },
  },
  {
    name: 'unseen',
    what: 'an acked record that nobody had read is not there in the end',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      story.readBack()
      return [ack]
    },
  },
  {
    name: 'unseen',
    what: 'an ack without an offset is not there in the end',
    tell: (story) => {
      const of = story.begin('a', 'x')
      const ack = story.ok('send', of, story.now(), { partition: 0 })
      story.readBack()
      return [ack]
    },
  },
  {
    name: 'aborted-read',
    what: 'a record of a failed send is read',
    tell: (story) => {
      const failed = story.failed(story.begin('a', 'x'))
      return [failed, story.readBack('x@0')]
    },
  },
  {
    name: 'unsent-read',
    what: 'a value is read that nobody sent',
    tell: (story) => [story.readBack('x@0')],
  },
  {
    name: 'changed-record',
    what: 'a record is read with another key',
    tell: (story) => {
      const of = story.begin('a', 'x', { key: 'k' })
      story.acked(of, 0)
      return [of, story.readBack('x=j@0')]
    },
  },
  {
    name: 'changed-record',
    what: 'a record is read in another partition than it was sent to',
    tell: (story) => {
      const of = story.begin('a', 'x', { partition: 1 })
      story.unknown(of)
      return [of, story.readBack('x@0')]
    },
  },
  {
    name: 'split-key',
    what: 'two records of one key are in two partitions',
    tell: (story) => {
      const first = story.acked(story.begin('a', 'x', { key: 'k' }), 0, 0)
      const second = story.acked(story.begin('a', 'y', { key: 'k' }), 0, 1)
      story.readBack('x=k@0', 'y=k@1/0')
      return [first, second]
    },
  },
  {
    name: 'poll-skip',
    what: 'a poll leaves out a record behind the one before',
    tell: (story) => {
      threeSent(story)
      const first = story.read('r', 'x@0')
      const second = story.read('r', 'z@2')
      story.readBack('x@0', 'y@1', 'z@2')
      return [first, second]
    },
  },
  {
    name: 'poll-skip',
    what: 'a reader does not begin where it was assigned to',
    tell: (story) => {
      threeSent(story)
      const assigned = story.assigned('r', 1)
      const read = story.read('r', 'z@2')
      story.readBack('x@0', 'y@1', 'z@2')
      return [assigned, read]
    },
  },
  {
    name: 'nonmonotonic-poll',
    what: 'a poll brings a record again',
    tell: (story) => {
      threeSent(story)
      const first = story.read('r', 'x@0', 'y@1')
      const second = story.read('r', 'y@1', 'z@2')
      story.readBack('x@0', 'y@1', 'z@2')
      return [first, second]
    },
  },
  {
    name: 'int-poll-skip',
    what: 'a poll leaves out a record between two of its own',
    tell: (story) => {
      threeSent(story)
      const read = story.read('r', 'x@0', 'z@2')
      story.readBack('x@0', 'y@1', 'z@2')
      return [read]
    },
  },
  {
    name: 'int-nonmonotonic-poll',
    what: 'a poll has a record behind a later one',
    tell: (story) => {
      threeSent(story)
      const read = story.read('r', 'x@0', 'y@1', 'x@0')
      story.readBack('x@0', 'y@1', 'z@2')
      return [read]
    },
  },
  {
    name: 'nonmonotonic-send',
    what: 'of two acked sends of one process the later one has the lower offset',
    tell: (story) => {
      const [x, y] = [story.begin('a', 'x'), story.begin('a', 'y')]
      const acks = [story.acked(x, 1), story.acked(y, 0)]
      story.readBack('y@0', 'x@1')
      return acks
    },
  },
  {
    name: 'int-nonmonotonic-send',
    what: 'of two sends of one transaction the later one has the lower offset',
    tell: (story) => {
      const committed = story.committed(story.beginsTogether('a', 'x', 'y'), [1, 0])
      story.readBack('y@0', 'x@1')
      return [committed]
    },
  },
  {
    name: 'int-send-skip',
    what: 'a record of another one is between two of a transaction',
    tell: (story) => {
      const [together, other] = [story.beginsTogether('a', 'x', 'y'), story.begin('b', 'z')]
      const committed = story.committed(together, [0, 2])
      story.acked(other, 1)
      story.readBack('x@0', 'z@1', 'y@2')
      return [committed]
    },
  },
  {
    name: 'precommitted-read',
    what: 'a transaction reads a record of its own',
    tell: (story) => {
      const together = story.beginsTogether('a', 'x', 'y')
      const committed = story.committed(together, [0, 1], 'x@0')
      story.readBack('x@0', 'y@1')
      return [together, committed]
    },
  },
  {
    name: 'reused-sequence',
    what: 'two records have the same number of one producer',
    tell: (story) => {
      const first = story.send('a', 'x', 0, { producer: { id: 'p', epoch: 1, sequence: 5 } })
      const again = { id: 'p', epoch: 1, sequence: 5 }
      story.unknown(story.begin('a', 'y', { producer: again }))
      return [first, story.readBack('x@0', 'y@1')]
    },
  },
  {
    name: 'fenced-append',
    what: 'a record of an older epoch is stored behind one of a newer epoch',
    tell: (story) => {
      const fence = story.send('a', 'x', 0, { producer: { id: 'p', epoch: 2, sequence: 0 } })
      story.unknown(story.begin('b', 'y', { producer: { id: 'p', epoch: 1, sequence: 9 } }))
      const read = story.readBack('x@0', 'y@1')
      return [fence, read]
    },
  },
  {
    name: 'double-ack',
    what: 'two members of a group acknowledge one record',
    tell: (story) => {
      story.send('a', 'x', 0)
      const acks = [story.dealtWith('g', 'm', 0), story.dealtWith('g', 'n', 0)]
      story.readBack('x@0')
      return acks
    },
  },
  {
    name: 'delivery-after-ack',
    what: 'a record comes to a group again that has acknowledged it',
    tell: (story) => {
      story.send('a', 'x', 0)
      story.readFor('g', 'm', 'x@0')
      const ack = story.dealtWith('g', 'm', 0)
      const read = story.readFor('g', 'n', 'x@0')
      story.readBack('x@0')
      return [ack, read]
    },
  },
  {
    name: 'realtime-lag',
    what: 'a poll brings nothing although a record was acked before it began',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      story.assigned('r')
      const of = story.invoke('poll', 'r', story.now(), {})
      const poll = story.ok('poll', of, story.now(), { records: [] })
      story.readBack('x@0')
      return [ack, of, poll]
    },
  },
  {
    name: 'real-time-order',
    what: 'a send that began after the ack of another one is stored before it',
    tell: (story) => {
      const first = story.send('a', 'x', 1)
      const of = story.begin('b', 'y')
      const second = story.acked(of, 0)
      story.readBack('y@0', 'x@1')
      return [first, of, second]
    },
  },
  {
    name: 'stale-end',
    what: 'the end is told without a record that was acked before the question',
    tell: (story) => {
      const ack = story.send('a', 'x', 0)
      const of = story.asksEnd('b')
      const told = story.told(of, 0)
      story.readBack('x@0')
      return [ack, of, told]
    },
  },
  {
    name: 'end-went-back',
    what: 'the end is told lower than before',
    tell: (story) => {
      story.unknown(story.begin('a', 'x'))
      const first = story.end('b', 1)
      const of = story.asksEnd('c')
      const told = story.told(of, 0)
      story.readBack('x@0')
      return [first, of, told]
    },
  },
  {
    name: 'nonlinearizable-register',
    what: 'a topic that was created is not there for who asks later',
    tell: (story) => {
      story.answered(story.calls('a', 'set null true'))
      const read = story.calls('b', 'read')
      const answer = story.answered(read, null)
      story.answered(story.calls('b', 'read'), true)
      return [read, answer]
    },
  },
  {
    name: 'nonlinearizable-register',
    what: 'a topic of unknown outcome is there, and then is not',
    tell: (story) => {
      story.unknown(story.calls('a', 'set null true'))
      story.answered(story.calls('b', 'read'), true)
      const read = story.calls('b', 'read')
      return [read, story.answered(read, null)]
    },
  },
  {
    name: 'nonlinearizable-register',
    what: 'a topic is created twice',
    tell: (story) => {
      const [first, second] = [story.calls('a', 'set null true'), story.calls('b', 'set null true')]
      story.answered(first)
      return [second, story.answered(second)]
    },
  },
  {
    name: 'nonlinearizable-register',
    what: 'a failed write takes effect',
    tell: (story) => {
      story.failed(story.calls('a', 'write true'))
      const read = story.calls('b', 'read')
      return [read, story.answered(read, true)]
    },
  },
  {
    name: 'unchecked-register',
    what: 'too many calls at a time',
    tell: (story) => {
      const writes = Array.from({ length: 20 }, () => story.calls('a', 'set null null'))
      const read = story.calls('b', 'read')
      for (const write of writes) story.answered(write)
      story.answered(read, true)
      return []
    },
  },
  {
    name: 'excused',
    what: 'damage beyond the bound',
    tell: (story) => {
      story.send('a', 'x', 0)
      const excused = story.excused(0)
      story.readBack()
      return [excused]
    },
  },
  {
    name: 'no-final-read',
    what: 'the final read does not come to its end',
    tell: (story) => {
      story.send('a', 'x', 0)
      const positions = [{ topic: 't', partition: 0, offset: 0 }]
      story.invoke('assign', 'final', story.now(), { positions, final: true })
      return []
    },
  },
]

/** x, y and z at 0, 1 and 2, acked. */
function threeSent(story: Story): void {
  for (const [offset, value] of ['x', 'y', 'z'].entries()) story.send('a', value, offset)
}

describe('a history is rejected as', () => {
  test.each(cases)('$name: $what', ({ name, tell, story = new Story(), also = [] }) => {
    const events = tell(story)
    const anomalies = checkHistory(story)
    const found = anomalies.filter((anomaly) => anomaly.name === name)
    expect(found.map((anomaly) => anomaly.events)).toEqual([events])
    expect(anomalies.map((anomaly) => anomaly.name).sort()).toEqual([name, ...also].sort())
  })

  test('every anomaly of the table', () => {
    const names = new Set(cases.map(({ name }) => name))
    expect([...names].sort()).toEqual(Object.keys(anomalyTable).sort())
  })

  test('a duplicate that was not promised away is only noted', () => {
    const story = new Story({ idempotent: false })
    story.send('a', 'x', 1)
    story.readBack('x@0', 'x@1')
    expect(checkHistory(story).map(({ severity }) => severity)).toEqual(['note'])
  })
})
