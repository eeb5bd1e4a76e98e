// Judges of running clusters that are small enough to be tested by themselves; those of histories are
// tested in history/.
import { makeValue, OneLeader, valueMark, valueMarks } from 'quorate/laboratory'
import { expect, test } from 'vitest'

test('two leaders of one term are found, and one leader may be reported twice', () => {
  const leaders = new OneLeader()
  const election = { group: '3-0', term: 4, node: 'n1', atMs: 1 }
  expect(leaders.observe(election)).toBeUndefined()
  expect(leaders.observe(election)).toBeUndefined()
  expect(leaders.observe({ ...election, term: 5, node: 'n2' })).toBeUndefined()
  expect(leaders.observe({ ...election, group: '3-1', node: 'n2' })).toBeUndefined()
  expect(leaders.observe({ ...election, node: 'n2' })).toContain('lead 3-0 in term 4')
})

test('values are recognised in the bytes of a file', () => {
  const values = [makeValue(0, 12, 40), makeValue(11, 3, 4)]
  const bytes = new TextEncoder().encode(`\0<\0${values[0]}\0${values[1]}<p1`)
  expect(valueMarks(bytes)).toEqual(values.map(valueMark))
})
