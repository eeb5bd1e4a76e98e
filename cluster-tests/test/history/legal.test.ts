// Histories that look odd and are legal: nothing may be found in them.
import { checkHistory } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { Story, sparseTopic } from './story.ts'

interface Case {
  readonly what: string
  readonly tell: (story: Story) => void
  readonly story?: Story
}

const cases: readonly Case[] = [
  { what: 'nothing at all', tell: () => {} },
  {
    what: 'sends of unknown outcome, of which one took effect',
    tell: (story) => {
      story.unknown(story.begin('a', 'x'))
      story.unknown(story.begin('a', 'y'))
      story.readBack('y@0')
    },
  },
  {
    what: 'a send of unknown outcome that takes effect behind later ones',
    tell: (story) => {
      story.unknown(story.begin('a', 'x'))
      story.send('a', 'y', 0)
      story.read('r', 'y@0')
      story.readBack('y@0', 'x@1')
    },
  },
  {
    what: 'a send without any outcome that took effect, and one that did not',
    tell: (story) => {
      story.begin('a', 'x')
      story.begin('a', 'y')
      story.readBack('x@0')
    },
  },
  {
    what: 'a failed send that nobody reads',
    tell: (story) => {
      story.failed(story.begin('a', 'x'))
      story.readBack()
    },
  },
  {
    what: 'concurrent sends of several processes in any order',
    tell: (story) => {
      const [x, y, z] = [story.begin('a', 'x'), story.begin('b', 'y'), story.begin('c', 'z')]
      story.acked(z, 1)
      story.acked(x, 2)
      story.acked(y, 0)
      story.readBack('y@0', 'z@1', 'x@2')
    },
  },
  {
    what: 'an ack behind the one of a later send',
    tell: (story) => {
      const [x, y] = [story.begin('a', 'x'), story.begin('a', 'y')]
      story.acked(y, 1)
      story.acked(x, 0)
      story.readBack('x@0', 'y@1')
    },
  },
  {
    what: 'a record that is read before it is acked',
    tell: (story) => {
      const of = story.begin('a', 'x')
      story.read('r', 'x@0')
      story.acked(of, 0)
      story.readBack('x@0')
    },
  },
  {
    what: 'an ack without an offset',
    tell: (story) => {
      story.ok('send', story.begin('a', 'x'), story.now(), { partition: 0 })
      story.readBack('x@0')
    },
  },
  {
    what: 'gaps between offsets, which other topics have',
    tell: (story) => {
      story.send('a', 'x', 3)
      story.send('a', 'y', 8)
      story.assigned('r')
      story.read('r', 'x@3')
      story.read('r', 'y@8')
      story.readBack('x@3', 'y@8')
    },
    story: new Story({ topics: [sparseTopic] }),
  },
  {
    what: 'a record that was stored nobody knows where, and may be as old as those deleted',
    tell: (story) => {
      story.ok('send', story.begin('a', 'x'), story.now(), { partition: 0 })
      story.send('a', 'y', 1)
      story.readBackFrom(1, 'y@1')
    },
    story: new Story({ retention: true }),
  },
  {
    what: 'old records that retention deleted',
    tell: (story) => {
      story.send('a', 'x', 0)
      story.send('a', 'y', 1)
      story.read('r', 'x@0')
      story.readBackFrom(1, 'y@1')
    },
    story: new Story({ retention: true }),
  },
  {
    what: 'a reader that begins in the middle, and one that begins anywhere',
    tell: (story) => {
      for (const [offset, value] of ['x', 'y', 'z'].entries()) story.send('a', value, offset)
      story.assigned('r', 2)
      story.read('r', 'z@2')
      story.assigned('s', null)
      story.read('s', 'y@1', 'z@2')
    },
  },
  {
    what: 'a reader that is assigned back, as a rebalance does',
    tell: (story) => {
      for (const [offset, value] of ['x', 'y', 'z'].entries()) story.send('a', value, offset)
      story.assigned('r')
      story.read('r', 'x@0', 'y@1')
      story.assigned('r', 1)
      story.read('r', 'y@1', 'z@2')
      story.readBack('x@0', 'y@1', 'z@2')
    },
  },
  {
    what: 'a poll of several partitions, which have offsets of their own',
    tell: (story) => {
      story.send('a', 'x', 0)
      story.send('a', 'y', 0, { partition: 1 })
      story.read('r', 'x@0', 'y@1/0')
      story.readBack('y@1/0', 'x@0')
    },
  },
  {
    what: 'an acked record that comes after the final read',
    tell: (story) => {
      const of = story.begin('a', 'x')
      story.readBack()
      story.acked(of, 0)
    },
  },
  {
    what: 'a final read that is broken off and done again',
    tell: (story) => {
      story.send('a', 'x', 0)
      const positions = [{ topic: 't', partition: 0, offset: 0 }]
      const of = story.invoke('assign', 'final', story.now(), { positions, final: true })
      story.fail(of, story.now())
      story.readBack('x@0')
    },
  },
  {
    what: 'ends that are told while records come',
    tell: (story) => {
      const [first, second] = [story.asksEnd('b'), story.asksEnd('c')]
      story.told(second, 1)
      story.send('a', 'x', 0)
      story.told(first, 0)
      story.end('b', 1)
      story.readBack('x@0')
    },
  },
  {
    what: 'a topic that is created, found to exist, read and deleted by several clients at a time',
    tell: (story) => {
      const [first, second] = [story.calls('a', 'set null true'), story.calls('b', 'set null true')]
      story.answered(second)
      story.answered(first, true)
      const [remove, read] = [story.calls('a', 'set true null'), story.calls('b', 'read')]
      story.answered(remove)
      story.answered(read, true)
      story.answered(story.calls('b', 'read'), null)
    },
  },
  {
    what: 'a call of unknown outcome that takes effect much later, and one that never does',
    tell: (story) => {
      story.unknown(story.calls('a', 'set null true'))
      story.calls('a', 'write false')
      story.answered(story.calls('b', 'read'), null)
      story.unknown(story.calls('b', 'read'))
      story.answered(story.calls('b', 'read'), true)
    },
  },
  {
    what: 'numbers of a producer that begin again in a new epoch, behind the old one',
    tell: (story) => {
      const late = story.begin('a', 'x', { producer: { id: 'p', epoch: 1, sequence: 0 } })
      story.send('a', 'y', 1, { producer: { id: 'p', epoch: 2, sequence: 0 } })
      story.unknown(late)
      story.readBack('x@0', 'y@1')
    },
  },
  {
    what: 'a record that comes to two groups, and to one again before it is acknowledged',
    tell: (story) => {
      story.send('a', 'x', 0)
      for (const reader of ['m', 'n']) story.readFor('g', reader, 'x@0')
      story.dealtWith('g', 'n', 0)
      story.dealtWith('h', 'm', 0)
      story.readBack('x@0')
    },
  },
  {
    what: 'a transaction that reads what others sent, and one that failed',
    tell: (story) => {
      story.send('a', 'x', 0)
      story.committed(story.beginsTogether('b', 'y', 'z'), [1, 2], 'x@0')
      story.failed(story.beginsTogether('c', 'v', 'w'))
      story.readBack('x@0', 'y@1', 'z@2')
    },
  },
  {
    what: 'records of one key in two partitions, because they were asked for',
    tell: (story) => {
      story.send('a', 'x', 0, { key: 'k', partition: 0 })
      story.send('a', 'y', 0, { key: 'k', partition: 1 })
      story.readBack('x=k@0', 'y=k@1/0')
    },
  },
]

describe('a history is accepted with', () => {
  test.each(cases)('$what', ({ tell, story = new Story() }) => {
    tell(story)
    const fatal = checkHistory(story).filter(({ severity }) => severity === 'fatal')
    expect(fatal).toEqual([])
  })
})
