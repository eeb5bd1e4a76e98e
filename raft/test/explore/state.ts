// Copies and names of the state of one replica, so that an exploration can go back to any state it
// has seen and recognise one it sees again. A copy keeps the shape of references (a leader's quorums
// hold the same objects as its progress). What never changes is shared: entries, messages, options.
import type { Raft } from '../../src/index.ts'
import type { TestEntry } from '../../src/testing/index.ts'

type Plain = Record<string, unknown>

const sharedFields = new Set(['options', 'draw', 'membership', 'placed', 'undecided', 'lost'])
/** Of the step that was, or only growing: two states that differ in nothing else are the same. */
const namelessFields = new Set([
  'options',
  'draw',
  'effects',
  'reported',
  'scratch',
  'nextId',
  'waitsFor',
])

export function copyOf(raft: Raft<TestEntry>): Raft<TestEntry> {
  return copied(raft, new Map()) as Raft<TestEntry>
}

function copied(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if ('chain' in value && !('entries' in value)) return value
  if (Array.isArray(value)) {
    const list: unknown[] = []
    seen.set(value, list)
    for (const element of value) list.push(copied(element, seen))
    return list
  }
  if (value instanceof Map) return new Map(value)
  const copy = Object.create(Object.getPrototypeOf(value)) as Plain
  seen.set(value, copy)
  for (const name in value) {
    const field = (value as Plain)[name]
    copy[name] = typeof field !== 'object' || sharedFields.has(name) ? field : copied(field, seen)
  }
  return copy
}

/** Equal names mean equal states. */
export function nameOf(raft: Raft<TestEntry>): string {
  return textOf(raft, new Set())
}

function textOf(value: unknown, above: Set<object>): string {
  if (typeof value !== 'object' || value === null) return String(value)
  // Progress objects are reached twice: by the list of all and by the quorums.
  if (above.has(value)) return '^'
  if ('chain' in value && !('entries' in value)) {
    const { index, term, missing } = value as TestEntry
    return `${index}/${term}${missing ? '?' : ''}`
  }
  let text = ''
  if (Array.isArray(value)) {
    for (const element of value) text += `${textOf(element, above)},`
    return `[${text}]`
  }
  if (value instanceof Map) {
    for (const [key, element] of value) text += `${key}:${textOf(element, above)},`
    return `(${text})`
  }
  if (value instanceof Set) return textOf([...value], above)
  above.add(value)
  for (const name in value) {
    if (!namelessFields.has(name)) text += `${textOf((value as Plain)[name], above)} `
  }
  return `{${text}}`
}
