import { subjectMatches } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SubjectTrie } from '../../src/core-messaging/subject-trie.ts'
import { patternArbitrary, slowlyMatches, subjectArbitrary } from './patterns.ts'

function matched(trie: SubjectTrie<string>, subject: string): string[] {
  const found: string[] = []
  trie.match(subject, (value) => found.push(value))
  return found.sort()
}

describe('the subject trie', () => {
  test('finds exactly the patterns that match, after any adds and removes', () => {
    const step = fc.record({ remove: fc.boolean(), pattern: patternArbitrary })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.array(subjectArbitrary, { minLength: 1, maxLength: 10, size: 'max' }),
        (steps, subjects) => {
          const trie = new SubjectTrie<string>()
          const model = new Set<string>()
          for (const { remove, pattern } of steps) {
            if (remove) expect(trie.remove(pattern, pattern)).toBe(model.delete(pattern))
            else {
              trie.add(pattern, pattern)
              model.add(pattern)
            }
          }
          expect(trie.size).toBe(model.size)
          for (const subject of subjects) {
            const expected = [...model].filter((pattern) => slowlyMatches(pattern, subject)).sort()
            expect(matched(trie, subject)).toEqual(expected)
            for (const pattern of model) {
              expect(subjectMatches(pattern, subject)).toBe(slowlyMatches(pattern, subject))
            }
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  test('keeps several values under one pattern apart', () => {
    const trie = new SubjectTrie<string>()
    trie.add('a.*', 'first')
    trie.add('a.*', 'second')
    expect(trie.remove('a.*', 'third')).toBe(false)
    expect(trie.remove('a.*', 'first')).toBe(true)
    expect(matched(trie, 'a.b')).toEqual(['second'])
  })

  test('does not take a token * of a pattern for a literal when a subject has it too', () => {
    const trie = new SubjectTrie<string>()
    trie.add('a.*', 'wild')
    expect(matched(trie, 'a.*')).toEqual(['wild'])
  })

  test('answers for a subject of two thousand tokens', () => {
    const trie = new SubjectTrie<string>()
    const subject = Array.from({ length: 2000 }, () => 'a').join('.')
    trie.add(subject.replaceAll('a', '*'), 'stars')
    trie.add('>', 'all')
    expect(matched(trie, subject)).toEqual(['all', 'stars'])
  })
})
