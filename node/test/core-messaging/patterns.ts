// A slow, obvious matcher of subjects and the arbitraries of the tests here. Words are few, so that
// random patterns and subjects meet often.
import fc from 'fast-check'

/** By the words of the NATS documentation, token by token. */
export function slowlyMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const tokens = subject.split('.')
  if (wanted.at(-1) === '>') {
    const before = wanted.slice(0, -1)
    return tokens.length > before.length && before.every((token, i) => agrees(token, tokens[i]))
  }
  return wanted.length === tokens.length && wanted.every((token, i) => agrees(token, tokens[i]))
}

function agrees(wanted: string, token: string | undefined): boolean {
  return wanted === '*' || wanted === token
}

const word = fc.constantFrom('a', 'b', 'cc')

export const subjectArbitrary: fc.Arbitrary<string> = fc
  .array(word, { minLength: 1, maxLength: 4, size: 'max' })
  .map((tokens) => tokens.join('.'))

export const patternArbitrary: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof(word, word, fc.constant('*')), { minLength: 0, maxLength: 4, size: 'max' }),
    fc.boolean(),
  )
  .map(([tokens, tail]) => [...tokens, ...(tail || tokens.length === 0 ? ['>'] : [])].join('.'))
