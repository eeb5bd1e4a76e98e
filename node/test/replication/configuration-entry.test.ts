import { chunksOf, joinChunks, viewOf } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import {
  decodeConfiguration,
  encodeConfiguration,
} from '../../src/replication/configuration-entry.ts'
import { EntryRun, firstDamage } from '../../src/replication/entry-run.ts'
import { chainText, logBegin } from '../../src/storage/chain.ts'
import { decodeEntryHeader, encodeEntryHeader, entryOf } from '../../src/storage/entry-format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'

const nodes = new Map([
  [1, 'n1'],
  [2, 'n2'],
  [1003, 'n3'],
  [1004, 'n4'],
])
const nodeOf = (replica: number) => nodes.get(replica)
const joint = { voters: [1, 2, 1004], outgoing: [1, 2, 1003], learners: [1005] }
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (value: unknown) => chunksOf(new TextEncoder().encode(JSON.stringify(value)))

describe('a configuration entry', () => {
  test('has these bytes', () => {
    const payload = encodeConfiguration(joint, (id) => nodeOf(id) ?? 'n5')
    expect(text(joinChunks(payload))).toBe(
      '{"voters":[{"replicaId":1,"nodeId":"n1"},{"replicaId":2,"nodeId":"n2"},{"replicaId":1004,"nodeId":"n4"}],' +
        '"outgoing":[{"replicaId":1,"nodeId":"n1"},{"replicaId":2,"nodeId":"n2"},{"replicaId":1003,"nodeId":"n3"}],' +
        '"learners":[{"replicaId":1005,"nodeId":"n5"}]}',
    )
    const run = new EntryRun(logBegin, 3, 1_700_000_000_000)
    const entry = run.addConfiguration({ voters: [1, 2, 1003] }, nodeOf)
    expect(entry.type).toBe(5)
    expect(chainText(entry.chain)).toBe('c123eba1e04d1a60')
  })

  test('gives back configuration and nodes', () => {
    const decoded = decodeConfiguration(encodeConfiguration(joint, (id) => nodeOf(id) ?? 'n5'))!
    expect(decoded.configuration).toEqual(joint)
    expect(decoded.nodes).toEqual(new Map([...nodes, [1005, 'n5']]))
    const plain = decodeConfiguration(encodeConfiguration({ voters: [2] }, nodeOf))!
    // Absent, not empty: a configuration that is not joint has no other half.
    expect(Object.keys(plain.configuration)).toEqual(['voters'])
  })

  test('is not made while a node is unknown', () => {
    expect(() => encodeConfiguration(joint, nodeOf)).toThrow('replica 1005')
  })

  test('carries the configuration from the draft on, and through bytes', () => {
    const run = new EntryRun(logBegin, 3, 1000)
    const entry = run.addConfiguration({ voters: [1, 2], learners: [1003] }, nodeOf)
    const after = run.add(EntryType.termStart, chunksOf(new Uint8Array()))
    expect(entry.configuration).toEqual({ voters: [1, 2], learners: [1003] })
    expect(after).not.toHaveProperty('configuration')
    const read = reread(entry)
    expect(read).toEqual(entry)
    expect(firstDamage(logBegin, [read, after], () => false)).toBeUndefined()
  })

  test('is damage when the payload says nothing of the kind, though hashes agree', () => {
    const run = new EntryRun(logBegin, 3, 1000)
    const entry = run.add(EntryType.configuration, bytes({ voters: [] }))
    expect(entry).not.toHaveProperty('configuration')
    expect(firstDamage(logBegin, [reread(entry)], () => false)).toBe('configuration at index 1')
  })

  const one = { replicaId: 1, nodeId: 'n1' }
  test.each([
    ['no JSON', chunksOf(new Uint8Array([0x7b]))],
    ['no UTF-8', chunksOf(new Uint8Array([0xff]))],
    ['no object', bytes(null)],
    ['a list missing', bytes({ voters: [one], outgoing: [] })],
    ['an unknown field', bytes({ voters: [one], outgoing: [], learners: [], more: 1 })],
    ['nobody who votes', bytes({ voters: [], outgoing: [one], learners: [] })],
    ['no list', bytes({ voters: one, outgoing: [], learners: [] })],
    ['a member twice', bytes({ voters: [one, one], outgoing: [], learners: [] })],
    ['two nodes', bytes({ voters: [one], outgoing: [{ ...one, nodeId: 'n2' }], learners: [] })],
    ['replica 0', bytes({ voters: [{ ...one, replicaId: 0 }], outgoing: [], learners: [] })],
    ['a member with more', bytes({ voters: [{ ...one, x: 1 }], outgoing: [], learners: [] })],
    ['no node id', bytes({ voters: [{ ...one, nodeId: 'a b' }], outgoing: [], learners: [] })],
  ])('is refused with %s', (_name, payload) => {
    expect(decodeConfiguration(payload)).toBeUndefined()
  })
})

function reread(entry: LogEntry): LogEntry {
  return entryOf(decodeEntryHeader(viewOf(encodeEntryHeader(entry)), 0)!, entry.payload)
}
