import { chunksOf, joinChunks, viewOf } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chainText,
  emptyChain,
  logBegin,
  nextChain,
  parseChainText,
} from '../../src/storage/chain.ts'
import {
  decodeEntryHeader,
  encodeEntryHeader,
  entryHeaderBytes,
  entryOf,
  makeEntry,
  verifyEntry,
} from '../../src/storage/entry-format.ts'
import { EntryScanner } from '../../src/storage/entry-scanner.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import { makeMark, makeRecords } from './harness.ts'

describe('the chain', () => {
  // Computed by an independent implementation of docs/reference/storage-format.md in Python.
  test('has the values of its definition', () => {
    const golden = [
      [1, 1, 2, 0, 0, 0, '36ac9d986fe83a78'],
      [2, 1, 1, 1_700_000_000_000, 70, 0xdead_beef, 'dabdeb403a98d7ee'],
      [3, 7, 3, 1_700_000_000_001, 5, 0x1234_5678, 'a9871c585b887630'],
      [2 ** 40 + 5, 2 ** 33 + 1, 4, 2 ** 52 + 3, 960 * 1024, 0xffff_ffff, 'e5b2ce0b82254292'],
    ] as const
    let chain = emptyChain
    for (const [index, term, type, appendTimeMs, payloadBytes, payloadCrc, expected] of golden) {
      chain = nextChain(chain, { index, term, type, appendTimeMs, payloadBytes, payloadCrc })
      expect(chainText(chain)).toBe(expected)
    }
  })

  test('changes with every field and with what came before', () => {
    const fields = { index: 5, term: 2, type: 1, appendTimeMs: 10, payloadBytes: 3, payloadCrc: 9 }
    const chains = new Set([
      chainText(nextChain(emptyChain, fields)),
      chainText(nextChain({ high: 0, low: 1 }, fields)),
      chainText(nextChain({ high: 1, low: 0 }, fields)),
    ])
    for (const name of Object.keys(fields) as (keyof typeof fields)[]) {
      chains.add(chainText(nextChain(emptyChain, { ...fields, [name]: fields[name] + 1 })))
    }
    expect(chains.size).toBe(9)
  })

  test('is read back from its text, and from nothing else', () => {
    const chain = { high: 0xf000_0001, low: 7 }
    expect(parseChainText(chainText(chain))).toEqual(chain)
    for (const text of ['', '123', 'F000000100000007', `${chainText(chain)}0`]) {
      expect(parseChainText(text)).toBeUndefined()
    }
  })
})

describe('an entry', () => {
  const [records] = makeRecords(logBegin, 40, [25], 3) as [LogEntry]

  test('keeps its header through bytes', () => {
    for (const entry of [records, makeMark(records, 4)]) {
      const header = decodeEntryHeader(viewOf(encodeEntryHeader(entry)), 0)!
      expect(entryOf(header, entry.payload)).toEqual(entry)
      expect(header.payloadBytes).toBe(entry.payload.byteLength)
    }
  })

  test('has the header bytes of the documented layout', () => {
    const entry = makeEntry(
      { index: 6, term: 2, chain: { high: 1, low: 2 } },
      {
        term: 3,
        type: EntryType.metadata,
        appendTimeMs: 0x1_0000_0002,
        payload: chunksOf(new Uint8Array([1, 2, 3])),
      },
    )
    const hex = [...encodeEntryHeader(entry)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
    expect(hex.slice(8, 16)).toBe('00000003')
    expect(hex.slice(16, 64)).toBe('000000000000000700000000000000030000000100000002')
    expect(hex.slice(64, 80)).toBe(chainText(entry.chain))
    expect(hex.slice(80, 104)).toBe('ffffffffffffffff00000000')
    // CRC-32C of 01 02 03.
    expect(hex.slice(104, 128)).toBe('f130f21e0300000000000000')
  })

  test('with any bit of its header flipped is refused', () => {
    const bytes = encodeEntryHeader(records)
    for (let bit = 0; bit < entryHeaderBytes * 8; bit += 1) {
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
      expect(decodeEntryHeader(viewOf(bytes), 0)).toBeUndefined()
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
    }
    expect(decodeEntryHeader(viewOf(bytes), 0)).toBeDefined()
  })

  test('with any byte of its payload changed is refused, stamped fields included', () => {
    const payload = joinChunks(records.payload).slice()
    for (let at = 0; at < payload.byteLength; at += 1) {
      payload[at]! ^= 0x10
      expect(verifyEntry(logBegin, { ...records, payload: chunksOf(payload) })).toBeDefined()
      payload[at]! ^= 0x10
    }
    expect(verifyEntry(logBegin, { ...records, payload: chunksOf(payload) })).toBeUndefined()
  })

  test('is refused after another one than its own predecessor', () => {
    const [next] = makeRecords(records, records.nextOffset, [5], 3) as [LogEntry]
    expect(verifyEntry(records, next)).toBeUndefined()
    expect(verifyEntry(logBegin, next)).toContain('index')
    expect(verifyEntry({ ...records, chain: { high: 0, low: 0 } }, next)).toContain('chain')
    expect(verifyEntry(records, { ...next, term: 4 })).toContain('chain')
    expect(verifyEntry(records, { ...next, baseOffset: 0 })).toContain('offsets')
  })

  test('is not made of records without their header, nor the other way round', () => {
    const fields = { term: 1, appendTimeMs: 0, payload: chunksOf() }
    expect(() => makeEntry(logBegin, { ...fields, type: EntryType.records })).toThrow('header')
  })
})

describe('a scan', () => {
  test('finds the same entries however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40, size: 'max' }),
        (sizes, cuts) => {
          const entries = makeRecords(logBegin, 0, sizes, 1)
          const pieces = entries.flatMap((entry) => [
            encodeEntryHeader(entry),
            ...entry.payload.pieces,
          ])
          const bytes = joinChunks(chunksOf(...pieces))
          const scanner = new EntryScanner(1000)
          const found: LogEntry[] = []
          let from = 0
          for (let cut = 0; from < bytes.byteLength; cut += 1) {
            const to = Math.min(from + cuts[cut % cuts.length]!, bytes.byteLength)
            scanner.feed(bytes.slice(from, to))
            from = to
            for (let next = scanner.next(); next !== undefined; next = scanner.next()) {
              if (next === 'damaged') throw new Error('damaged')
              found.push(entryOf(next.header, next.payload))
            }
          }
          let previous = logBegin
          for (const entry of found) {
            expect(verifyEntry(previous, entry)).toBeUndefined()
            previous = entry
          }
          expect(found.length).toBe(entries.length)
          expect(scanner.position).toBe(1000 + bytes.byteLength)
        },
      ),
      { numRuns: 100 },
    )
  })
})
