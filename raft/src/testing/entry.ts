// Entries of the test harness: a text as payload, and a chain hash over everything before it, so
// that equal chains mean equal logs.
import type { Chain, Configuration, LogPoint, RaftEntry } from '../types.ts'

export interface TestEntry extends RaftEntry {
  readonly value: string
}

export const origin: LogPoint = { index: 0, term: 0, chain: { high: 0, low: 0 } }

function mix(start: number, text: string): number {
  let value = start >>> 0
  for (let place = 0; place < text.length; place++) {
    value = Math.imul(value ^ text.charCodeAt(place), 0x01000193) >>> 0
  }
  return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0
}

export function chainAfter(previous: Chain, index: number, term: number, value: string): Chain {
  const text = `${previous.high}.${previous.low}/${index}/${term}/${value}`
  return { high: mix(0x811c9dc5, text), low: mix(0x12345678, text) }
}

export function makeEntry(
  previous: LogPoint,
  term: number,
  value: string,
  sizeBytes: number = value.length,
): TestEntry {
  const index = previous.index + 1
  return { index, term, value, sizeBytes, chain: chainAfter(previous.chain, index, term, value) }
}

/** The value says it too, so that the chain covers it. */
export function makeConfigurationEntry(
  previous: LogPoint,
  term: number,
  configuration: Configuration,
): TestEntry {
  return { ...makeEntry(previous, term, JSON.stringify(configuration)), configuration }
}

/** What is left of an entry that cannot be read; only the last of a range has its chain. */
export function missingEntry({ index, term, chain }: TestEntry, isLast: boolean): TestEntry {
  const known = isLast ? chain : origin.chain
  return { index, term, chain: known, sizeBytes: 0, value: '', missing: true }
}

/** A log whose entries have these terms, in order. */
export function makeLog(terms: readonly number[]): TestEntry[] {
  const entries: TestEntry[] = []
  let previous = origin
  for (const term of terms) {
    const entry = makeEntry(previous, term, `${previous.index + 1}@${term}`)
    entries.push(entry)
    previous = entry
  }
  return entries
}
