// Batches made by kafkajs and @platformatic/kafka, kept in testdata/record-batches.json so that a
// change of ours or of theirs is seen as a difference in bytes. UPDATE_GOLDEN=1 rewrites the file.
import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BatchFields, Compression, DecodedRecord, RecordInput } from '../src/index.ts'
import { decodeBatch, encodeBatch, readBatchHeader, validateBatch } from '../src/index.ts'
import { fields, records, utf8 } from './arbitraries.ts'
import {
  decodeWithKafkajs,
  decodeWithPlatformatic,
  encodeWithKafkajs,
  encodeWithPlatformatic,
  platformaticCanEncode,
} from './kafka-libraries.ts'

const notIdempotent: BatchFields = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
const at = 1_700_000_000_000
const text = (value: string, timestampMs = at): RecordInput => ({
  key: null,
  value: utf8(value),
  timestampMs,
})

interface Case {
  readonly name: string
  readonly madeBy: 'kafkajs' | 'platformatic'
  readonly records: readonly RecordInput[]
  readonly fields: BatchFields
}

const plain: [name: string, records: RecordInput[], fields: BatchFields][] = [
  ['one record', [text('hello')], notIdempotent],
  [
    'key, empty key, null key',
    [{ ...text('a'), key: utf8('k') }, { ...text('b'), key: utf8('') }, text('c')],
    notIdempotent,
  ],
  [
    'null value, empty value',
    [{ ...text(''), key: utf8('k'), value: null }, text('')],
    notIdempotent,
  ],
  [
    'headers, repeated and not ASCII',
    [
      {
        ...text('x'),
        headers: [
          { key: 'trace', value: utf8('1') },
          { key: 'größe', value: new Uint8Array([0, 255]) },
          { key: 'empty', value: utf8('') },
        ],
      },
    ],
    notIdempotent,
  ],
  [
    'timestamps that rise and fall',
    [text('a'), text('b', at + 7), text('c', at - 40_000)],
    notIdempotent,
  ],
  [
    'a producer at its widest',
    [text('a'), text('b')],
    { producerId: Number.MAX_SAFE_INTEGER, producerEpoch: 0x7fff, baseSequence: 0x7fff_ffff },
  ],
  [
    '300 records',
    Array.from({ length: 300 }, (_, index) => text(`${index}`.padEnd(20, 'v'), at + index)),
    { producerId: 7, producerEpoch: 1, baseSequence: 12 },
  ],
]

const decadesApart: Case = {
  name: 'timestamps decades apart',
  madeBy: 'kafkajs',
  records: [text('a'), text('b', 0), text('c', 8.64e15)],
  fields: notIdempotent,
}

const cases: Case[] = (['kafkajs', 'platformatic'] as const).flatMap((madeBy) => [
  ...plain.map(([name, inputs, producer]) => ({ name, madeBy, records: inputs, fields: producer })),
  ...(madeBy === 'kafkajs' ? ['gzip' as const] : ['gzip' as const, 'zstd' as const]).map(
    (compression: Compression) => ({
      name: compression,
      madeBy,
      records: Array.from({ length: 50 }, (_, index) => ({
        ...text(`line ${index} `.repeat(10), at + index),
        key: utf8(`file-${index % 3}`),
      })),
      fields: { producerId: 1000, producerEpoch: 2, baseSequence: 50, compression },
    }),
  ),
  ...(madeBy === 'kafkajs' ? [decadesApart] : []),
])

const file = new URL('./testdata/record-batches.json', import.meta.url)

async function make(each: Case): Promise<Uint8Array> {
  return each.madeBy === 'kafkajs'
    ? await encodeWithKafkajs(each.records, each.fields)
    : encodeWithPlatformatic(each.records, each.fields)
}

if (process.env['UPDATE_GOLDEN']) {
  const made: Record<string, string> = {}
  for (const each of cases) {
    made[`${each.madeBy}: ${each.name}`] = Buffer.from(await make(each)).toString('base64')
  }
  writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`)
}
const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>

function expected(inputs: readonly RecordInput[]): DecodedRecord[] {
  return inputs.map(({ key, value, timestampMs, headers }, offset) => ({
    offset,
    timestampMs,
    key,
    value,
    headers: headers ?? [],
  }))
}

describe('golden batches of other implementations', () => {
  test('are all of the cases here', () => {
    expect(Object.keys(golden)).toEqual(cases.map(({ madeBy, name }) => `${madeBy}: ${name}`))
  })

  test.each(cases)('$madeBy, $name: same bytes, and the same records back', async (each) => {
    const batch = new Uint8Array(Buffer.from(golden[`${each.madeBy}: ${each.name}`]!, 'base64'))
    expect(decodeBatch(batch)).toEqual(expected(each.records))
    const compression = each.fields.compression ?? 'none'
    expect(validateBatch(batch)).toMatchObject({
      compression,
      recordCount: each.records.length,
      baseTimestampMs: each.records[0]!.timestampMs,
      maxTimestampMs: Math.max(...each.records.map((record) => record.timestampMs)),
      producerId: each.fields.producerId,
      producerEpoch: each.fields.producerEpoch,
      baseSequence: each.fields.baseSequence,
    })
    // Compressed bytes depend on the build of zlib and zstd: only their content is compared.
    if (compression !== 'none') return
    expect(encodeBatch(each.records, each.fields)).toEqual(batch)
    expect(await make(each)).toEqual(batch)
  })
})

/** What neither library can express: see kafka-libraries.ts. */
function withUniqueHeaders(inputs: readonly RecordInput[]): RecordInput[] {
  return inputs.map((record) => {
    const byName = new Map((record.headers ?? []).map((header) => [header.key, header]))
    byName.delete('__proto__')
    return { ...record, headers: [...byName.values()] }
  })
}

describe('any batch', () => {
  test('has the bytes that @platformatic/kafka gives it, and is read by it', () => {
    fc.assert(
      fc.property(records, fields, (inputs, producer) => {
        const unique = withUniqueHeaders(inputs)
        const batch = encodeBatch(unique, producer)
        if (platformaticCanEncode(unique)) {
          expect(encodeWithPlatformatic(unique, producer)).toEqual(batch)
        }
        const decoded = decodeWithPlatformatic(batch)
        expect(decoded.records).toEqual(decodeBatch(batch))
        expect(decoded.producer).toEqual(Object.values(producer))
      }),
      { numRuns: 100 },
    )
  })

  test('without null headers is written and read by kafkajs in the same way', async () => {
    await fc.assert(
      fc.asyncProperty(records, fields, async (inputs, producer) => {
        const unique = withUniqueHeaders(inputs).map((record) => ({
          ...record,
          // kafkajs keeps headers in an object: numbers come first there, and names such as
          // valueOf are taken already.
          headers: (record.headers ?? []).filter(
            ({ key, value }) => value && !/^\d+$/.test(key) && !(key in {}),
          ),
        }))
        const batch = encodeBatch(unique, producer)
        expect(await encodeWithKafkajs(unique, producer)).toEqual(batch)
        const decoded = await decodeWithKafkajs(batch)
        const ours = decodeBatch(batch)
        expect(decoded.records).toEqual(ours.map(({ headers: _, ...record }) => record))
        expect(decoded.headers.map((each) => Object.keys(each))).toEqual(
          ours.map(({ headers }) => headers.map(({ key }) => key)),
        )
        expect(decoded.producer).toEqual(Object.values(producer))
      }),
      { numRuns: 60 },
    )
  })

  test.each(['gzip', 'zstd'] as const)(
    'compressed with %s is read by @platformatic/kafka',
    (compression) => {
      fc.assert(
        fc.property(records, fields, (inputs, producer) => {
          const batch = encodeBatch(inputs, { ...producer, compression })
          expect(readBatchHeader(batch).compression).toBe(compression)
          expect(decodeWithPlatformatic(batch).records).toEqual(decodeBatch(batch))
        }),
        { numRuns: 20 },
      )
    },
  )

  test('compressed with gzip is read by kafkajs', async () => {
    const inputs = [text('a'.repeat(1000)), text('b'.repeat(1000))]
    const batch = encodeBatch(inputs, { ...notIdempotent, compression: 'gzip' })
    expect(batch.length).toBeLessThan(200)
    const { records: decoded } = await decodeWithKafkajs(batch)
    expect(decoded.map(({ value }) => value)).toEqual(inputs.map(({ value }) => value))
  })
})
