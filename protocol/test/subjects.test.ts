import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Verb } from '../src/index.ts'
import {
  apiSubject,
  headerNames,
  isReserved,
  leaderEventSubject,
  parseApiSubject,
  subjectMatches,
  validPattern,
  validSubject,
  validTopicName,
  verbTable,
} from '../src/index.ts'
import * as limits from '../src/limits.ts'
import { referencePage, tableRows } from './table.ts'

describe('the reference page protocol.md', () => {
  test('has the table of subjects, in both directions', () => {
    const documented = tableRows('protocol.md', /^\$Q\.1\./)
    const coded = verbTable.map(({ verb, topic, servedBy, request, reply, meaning }) => [
      apiSubject(verb, topic ? '<topic>' : undefined),
      servedBy,
      request,
      reply,
      meaning,
    ])
    expect(documented).toEqual(coded)
  })

  test('describes every JSON body that the table of subjects names', () => {
    const page = referencePage('protocol.md')
    const named = verbTable.flatMap(({ request, reply }) =>
      [request, reply].flatMap((body) => /^JSON (\w+)$/.exec(body)?.[1] ?? []),
    )
    expect(named.length).toBeGreaterThan(10)
    for (const name of [...named, 'LeaderEvent', 'Error']) {
      expect(page).toMatch(new RegExp(`^${name} +\\{`, 'm'))
    }
  })

  test('has the table of headers, in both directions', () => {
    const documented = tableRows('protocol.md', /^q-/).map(([name]) => name)
    expect(documented).toEqual(Object.values(headerNames))
  })

  test('has the table of limits, in both directions', () => {
    const documented = tableRows('protocol.md', /^max[A-Z]/).map(([name, value]) => [name, value])
    const coded = Object.entries(limits).map(([name, value]) => [name, String(value)])
    expect(documented.sort()).toEqual(coded.sort())
  })
})

describe('API subjects', () => {
  test('are parsed back to verb and topic', () => {
    for (const { verb, topic } of verbTable) {
      if (!topic) {
        expect(parseApiSubject(apiSubject(verb))).toEqual({ verb })
        expect(parseApiSubject(`${apiSubject(verb)}.x`)).toBeUndefined()
        expect(() => apiSubject(verb, 'x')).toThrow('takes no topic')
        continue
      }
      for (const name of ['orders', 'a.b-c_D.9']) {
        expect(parseApiSubject(apiSubject(verb, name))).toEqual({ verb, topic: name })
      }
      expect(parseApiSubject(`$Q.1.${verb}`)).toBeUndefined()
      expect(() => apiSubject(verb)).toThrow('needs a topic')
    }
  })

  test.each([
    'orders',
    '$Q',
    '$Q.',
    '$Q.1',
    '$Q.1.',
    '$Q.2.list',
    '$Q.1.lists',
    '$Q.1.LIST',
    leaderEventSubject,
  ])('%s is no request', (subject) => {
    expect(parseApiSubject(subject)).toBeUndefined()
  })

  test('hand on a topic that is not valid, for the handler to name the error', () => {
    expect(parseApiSubject('$Q.1.create.a$b')).toEqual({ verb: 'create', topic: 'a$b' })
    expect(validTopicName('a$b')).toBe(false)
  })

  test('are reserved, and nothing else is', () => {
    for (const subject of ['$Q', '$Q.x', '$Q.mesh.n1', leaderEventSubject]) {
      expect(isReserved(subject)).toBe(true)
    }
    for (const subject of ['$Qx', 'Q.1', '$SYS.x', 'a.$Q.1'])
      expect(isReserved(subject)).toBe(false)
  })

  test('never carry more than their words: any text parses or is none', () => {
    const names = verbTable.map(({ verb }) => verb)
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string(), (verb: Verb, rest) => {
        const parsed = parseApiSubject(`$Q.1.${verb}${rest}`)
        if (parsed === undefined) return
        expect(apiSubject(parsed.verb, parsed.topic)).toBe(`$Q.1.${verb}${rest}`)
      }),
      { numRuns: 200 },
    )
  })
})

describe('topic names', () => {
  test.each(['a', 'orders', 'a.b', 'A-Z_0.9', 'x'.repeat(200)])('%s is one', (name) => {
    expect(validTopicName(name)).toBe(true)
  })

  test.each([
    '',
    '.',
    '..',
    '.a',
    'a.',
    'a..b',
    'a b',
    'a/b',
    '$dlq.x',
    'ä',
    'a\n',
    '*',
    '>',
    'x'.repeat(201),
  ])('%j is none', (name) => {
    expect(validTopicName(name)).toBe(false)
  })
})

const token = fc.constantFrom('a', 'b', 'ab', '*', '>', 'a*', '')
const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'))

/** The rules once more, as a regular expression over tokens. */
function modelMatches(pattern: string, text: string): boolean {
  const source = pattern
    .split('.')
    .map((part) => (part === '*' ? '[^.]+' : part === '>' ? '.+' : part.replaceAll('*', '\\*')))
    .join('\\.')
  return new RegExp(`^${source}$`).test(text)
}

describe('subjects and patterns of core messaging', () => {
  test('are valid by the grammar of tokens', () => {
    fc.assert(
      fc.property(subject, (text) => {
        const tokens = text.split('.')
        const filled = tokens.every((each) => each !== '')
        const plain = !tokens.includes('*') && !tokens.includes('>')
        const moreIsLast = !tokens.slice(0, -1).includes('>')
        expect(validSubject(text)).toBe(filled && plain)
        expect(validPattern(text)).toBe(filled && moreIsLast)
      }),
      { numRuns: 300 },
    )
    for (const text of ['', 'a b', 'a\tb', 'a\r', 'a\0', 'a.', '.a', 'a\x7f']) {
      expect(validSubject(text)).toBe(false)
      expect(validPattern(text)).toBe(false)
    }
    expect(validSubject('grüße.$JS.a*b')).toBe(true)
  })

  test('match as a model of the rules does', () => {
    fc.assert(
      fc.property(subject, subject, (pattern, text) => {
        fc.pre(validPattern(pattern) && validSubject(text))
        expect(subjectMatches(pattern, text)).toBe(modelMatches(pattern, text))
      }),
      { numRuns: 400 },
    )
  })

  test.each([
    ['a.*.c', 'a.b.c', true],
    ['a.*', 'a', false],
    ['a.>', 'a', false],
    ['a.>', 'a.b.c', true],
    ['>', 'a', true],
    ['*', 'a.b', false],
    ['a', 'a.b', false],
    ['a.b', 'a', false],
    ['abc', 'abd', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(subjectMatches(pattern, text)).toBe(expected)
  })
})
