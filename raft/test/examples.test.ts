// The example runs, and every replica of it ends with the same data.
import { expect, test } from 'vitest'
import { main } from '../examples/key-value.ts'

test('the key-value store survives changes of members and a crash', () => {
  const lines: string[] = []
  main((line) => lines.push(line))
  expect(lines).toContain('members become {"voters":[1,2,3],"learners":[4]}')
  expect(lines).toContain('members become {"voters":[1,3,4,5],"outgoing":[1,2,3,4]}')
  const data = '{"colour":"blue","size":"large"}'
  const shown = lines.filter((line) => line.startsWith('  ')).sort()
  expect(shown).toEqual([1, 3, 4, 5].map((id) => `  replica ${id}: ${data}`))
})
