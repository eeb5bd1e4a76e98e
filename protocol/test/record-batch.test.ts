import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BatchFields, RecordInput } from '../src/index.ts'
import {
  batchHeaderBytes,
  chunksOf,
  decodeBatch,
  encodeBatch,
  joinChunks,
  maxBatchBytes,
  maxBatchRecords,
  readBatchHeader,
  recordByteLength,
  splitBatches,
  stampBatch,
  validateBatch,
  viewOf,
} from '../src/index.ts'
import { sealBatch } from '../src/record-batch.ts'
import { codeOf, cutAt, cuts, fields, records, utf8 } from './arbitraries.ts'

const notIdempotent: BatchFields = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
const one: RecordInput = { key: utf8('k'), value: utf8('value'), timestampMs: 1_700_000_000_000 }
const compressions = ['none', 'gzip', 'zstd'] as const

describe('a batch', () => {
  test('holds any records and fields, in each compression and however it is cut', () => {
    const compression = fc.constantFrom(...compressions)
    fc.assert(
      fc.property(records, fields, compression, cuts, (inputs, producer, codec, places) => {
        const encoded = encodeBatch(inputs, { ...producer, compression: codec })
        const batch = cutAt(encoded, places)
        expect(validateBatch(batch)).toEqual(readBatchHeader(encoded))
        expect(validateBatch(batch)).toMatchObject({
          baseOffset: 0,
          leaderEpoch: -1,
          byteLength: encoded.length,
          recordCount: inputs.length,
          lastOffsetDelta: inputs.length - 1,
          compression: codec,
          ...producer,
        })
        expect(decodeBatch(batch)).toEqual(
          inputs.map((record, offset) => ({ offset, ...record, headers: record.headers ?? [] })),
        )
      }),
      { numRuns: 150 },
    )
  })

  test('is never longer than the batcher adds up', () => {
    fc.assert(
      fc.property(records, fields, (inputs, producer) => {
        const bound = inputs.reduce((sum, each) => sum + recordByteLength(each), batchHeaderBytes)
        expect(encodeBatch(inputs, producer).length).toBeLessThanOrEqual(bound)
      }),
      { numRuns: 100 },
    )
  })

  test('decodes to parts of its own bytes and of no other', () => {
    const encoded = encodeBatch([one], notIdempotent)
    const [decoded] = decodeBatch(encoded)
    expect(decoded!.value!.buffer).toBe(encoded.buffer)
    expect(Object.getPrototypeOf(decoded!.value)).toBe(Uint8Array.prototype)
    const zipped = encodeBatch([one], { ...notIdempotent, compression: 'gzip' })
    expect(Object.getPrototypeOf(decodeBatch(zipped)[0]!.value)).toBe(Uint8Array.prototype)
  })
})

describe('stamping', () => {
  test('sets offset and epoch, keeps the CRC valid and refers to the records', () => {
    const offsets = fc.nat({ max: 2 ** 52 })
    fc.assert(
      fc.property(
        records,
        cuts,
        offsets,
        fc.nat({ max: 0x7fff_ffff }),
        (inputs, places, offset, epoch) => {
          const encoded = encodeBatch(inputs, notIdempotent)
          const stamped = stampBatch(cutAt(encoded, places), offset, epoch)
          const { crc, ...rest } = readBatchHeader(encoded)
          expect(validateBatch(stamped)).toEqual({
            ...rest,
            crc,
            baseOffset: offset,
            leaderEpoch: epoch,
          })
          expect(decodeBatch(stamped).map((record) => record.offset)).toEqual(
            inputs.map((_, index) => offset + index),
          )
          expect(stamped.pieces[0]!.byteLength).toBe(batchHeaderBytes)
          for (const piece of stamped.pieces.slice(1)) expect(piece.buffer).toBe(encoded.buffer)
          expect(readBatchHeader(encoded).leaderEpoch).toBe(-1)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('splitting', () => {
  test('gives back the batches that were joined, however the run is cut', () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 4 }), cuts, (groups, places) => {
        const batches = groups.map((inputs) => encodeBatch(inputs, notIdempotent))
        const run = new Uint8Array(Buffer.concat(batches))
        const split = splitBatches(cutAt(run, places))
        expect(split.map(({ bytes }) => new Uint8Array(joinChunks(bytes)))).toEqual(batches)
        expect(split.map(({ header }) => header)).toEqual(
          batches.map((each) => readBatchHeader(each)),
        )
      }),
      { numRuns: 60 },
    )
  })

  test('refuses a run whose last batch is cut off, at every byte', () => {
    const batch = encodeBatch([one], notIdempotent)
    const run = new Uint8Array(Buffer.concat([batch, batch]))
    for (let end = batch.length + 1; end < run.length; end++) {
      expect(codeOf(() => splitBatches(run.subarray(0, end)))).toBe('QUORATE_CORRUPT_BATCH')
    }
    expect(splitBatches(run.subarray(0, batch.length))).toHaveLength(1)
  })

  test('of ten thousand small batches in ten thousand pieces stays linear', () => {
    const batch = encodeBatch([one], notIdempotent)
    const many = Array.from({ length: 10_000 }, () => batch)
    expect(splitBatches(chunksOf(...many))).toHaveLength(10_000)
  })
})

/** A valid batch with one field overwritten; the CRC is made right again unless told otherwise. */
function altered(change: (view: DataView) => void, reseal = true, input = [one, one]): Uint8Array {
  const batch = encodeBatch(input, { producerId: 5, producerEpoch: 0, baseSequence: 0 })
  change(viewOf(batch))
  if (reseal) sealBatch(batch)
  return batch
}

function setCount(view: DataView, recordCount: number): void {
  view.setInt32(57, recordCount)
  view.setInt32(23, recordCount - 1)
}

describe('validation refuses', () => {
  const corrupt: [what: string, change: (view: DataView) => void][] = [
    ['a negative base offset', (view) => view.setInt32(0, -1)],
    ['a base offset above 2^53', (view) => view.setInt32(0, 0x20_0000)],
    ['a length that is too long', (view) => view.setInt32(8, view.getInt32(8) + 1)],
    ['a length that is too short', (view) => view.setInt32(8, view.getInt32(8) - 1)],
    ['a negative length', (view) => view.setInt32(8, -1)],
    ['a length below the header', (view) => view.setInt32(8, 48)],
    ['magic 1', (view) => view.setInt8(16, 1)],
    ['log append time', (view) => view.setInt16(21, 0x08)],
    ['a transactional batch', (view) => view.setInt16(21, 0x10)],
    ['a control batch', (view) => view.setInt16(21, 0x20)],
    ['a delete horizon', (view) => view.setInt16(21, 0x40)],
    ['unknown attributes', (view) => view.setInt16(21, 0x4000)],
    ['compression 5', (view) => view.setInt16(21, 5)],
    ['more offsets than records', (view) => view.setInt32(23, 2)],
    ['fewer offsets than records', (view) => view.setInt32(23, 0)],
    ['no records', (view) => setCount(view, 0)],
    ['a negative count', (view) => view.setInt32(57, -1)],
    ['more records than bytes', (view) => setCount(view, 50)],
    ['producer id -2', (view) => view.setBigInt64(43, -2n)],
    ['a negative epoch', (view) => view.setInt16(51, -1)],
    ['a negative sequence', (view) => view.setInt32(53, -1)],
    ['a timestamp above 2^53', (view) => view.setInt32(27, 0x7fff_ffff)],
  ]
  test.each(corrupt)('%s', (_, change) => {
    expect(codeOf(() => validateBatch(altered(change)))).toBe('QUORATE_CORRUPT_BATCH')
    expect(codeOf(() => decodeBatch(altered(change)))).toBe('QUORATE_CORRUPT_BATCH')
  })

  test.each([2, 3])('compression %i, which is not supported', (codec) => {
    const batch = altered((view) => view.setInt16(21, codec))
    expect(codeOf(() => validateBatch(batch))).toBe('QUORATE_UNSUPPORTED')
  })

  test('any single flipped bit under the CRC', () => {
    const batch = altered(() => {}, false)
    fc.assert(
      fc.property(
        fc.integer({ min: 17, max: batch.length - 1 }),
        fc.nat({ max: 7 }),
        (place, bit) => {
          const flipped = batch.slice()
          flipped[place]! ^= 1 << bit
          expect(codeOf(() => validateBatch(flipped))).toMatch(
            /^QUORATE_(CORRUPT_BATCH|UNSUPPORTED|BATCH_TOO_LARGE)$/,
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  test('every beginning of a batch, and a batch with a byte behind it', () => {
    const batch = encodeBatch([one], notIdempotent)
    for (let end = 0; end < batch.length; end++) {
      expect(codeOf(() => validateBatch(batch.subarray(0, end)))).toBe('QUORATE_CORRUPT_BATCH')
    }
    const behind = chunksOf(batch, new Uint8Array(1))
    expect(codeOf(() => validateBatch(behind))).toBe('QUORATE_CORRUPT_BATCH')
    expect(readBatchHeader(behind).byteLength).toBe(batch.length)
  })

  test('a batch above its limits in bytes and in records', () => {
    const large = new Uint8Array(maxBatchBytes + 1)
    large.set(encodeBatch([one], notIdempotent).subarray(0, batchHeaderBytes))
    viewOf(large).setInt32(8, large.length - 12)
    expect(codeOf(() => validateBatch(large))).toBe('QUORATE_BATCH_TOO_LARGE')
    const many = altered((view) => {
      view.setInt16(21, 1)
      setCount(view, maxBatchRecords + 1)
    })
    expect(codeOf(() => validateBatch(many))).toBe('QUORATE_BATCH_TOO_LARGE')
  })
})

describe('encoding', () => {
  test('accepts a record that just fits and names one that does not', () => {
    const room = maxBatchBytes - batchHeaderBytes - recordByteLength({ ...one, value: null })
    const fitting = { ...one, value: new Uint8Array(room - 4) }
    expect(encodeBatch([fitting], notIdempotent).length).toBeLessThanOrEqual(maxBatchBytes)
    const larger = { ...one, value: new Uint8Array(maxBatchBytes) }
    expect(codeOf(() => encodeBatch([larger], notIdempotent))).toBe('QUORATE_RECORD_TOO_LARGE')
    const half = { ...one, value: new Uint8Array(maxBatchBytes / 2) }
    expect(codeOf(() => encodeBatch([half, half], notIdempotent))).toBe('QUORATE_BATCH_TOO_LARGE')
    const zipped = encodeBatch([larger], { ...notIdempotent, compression: 'zstd' })
    expect(decodeBatch(zipped)[0]!.value).toHaveLength(maxBatchBytes)
  })

  test('refuses what the format cannot hold', () => {
    const refused: [readonly RecordInput[], Partial<BatchFields>][] = [
      [[], {}],
      [[{ ...one, timestampMs: -1 }], {}],
      [[{ ...one, timestampMs: 0.5 }], {}],
      [[{ ...one, timestampMs: Number.NaN }], {}],
      [[one, { ...one, timestampMs: Number.POSITIVE_INFINITY }], {}],
      [[one], { producerId: -2 }],
      [[one], { producerId: 2 ** 53 }],
      [[one], { producerEpoch: 0x8000 }],
      [[one], { baseSequence: 0x8000_0000 }],
    ]
    for (const [inputs, wrong] of refused) {
      expect(codeOf(() => encodeBatch(inputs, { ...notIdempotent, ...wrong }))).toBe(
        'QUORATE_INVALID_ARGUMENT',
      )
    }
    const many = Array.from({ length: maxBatchRecords + 1 }, () => one)
    expect(codeOf(() => encodeBatch(many, notIdempotent))).toBe('QUORATE_BATCH_TOO_LARGE')
  })
})

/** A batch with a right CRC around any bytes in place of its records. */
function sealedAround(content: Uint8Array, recordCount: number, codec: number): Uint8Array {
  const batch = new Uint8Array(batchHeaderBytes + content.length)
  batch.set(encodeBatch([one], notIdempotent).subarray(0, batchHeaderBytes))
  batch.set(content, batchHeaderBytes)
  const view = viewOf(batch)
  view.setInt32(8, batch.length - 12)
  view.setInt16(21, codec)
  view.setInt32(23, recordCount - 1)
  view.setInt32(57, recordCount)
  sealBatch(batch)
  return batch
}

describe('decoding a batch whose CRC is right', () => {
  test('refuses any bytes that are no records', () => {
    const content = fc.uint8Array({ minLength: 14, maxLength: 60, size: 'max' })
    fc.assert(
      fc.property(content, fc.constantFrom(0, 1, 4), (input, codec) => {
        const result = codeOf(() => decodeBatch(sealedAround(input, 2, codec)))
        if (typeof result === 'string') expect(result).toBe('QUORATE_CORRUPT_BATCH')
        else expect(result).toHaveLength(2)
      }),
      { numRuns: 400 },
    )
  })

  test('refuses records that are damaged in any place', () => {
    const content = encodeBatch(
      [one, { ...one, headers: [{ key: 'h', value: null }] }],
      notIdempotent,
    )
    const inner = content.subarray(batchHeaderBytes)
    for (let place = 0; place < inner.length; place++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = inner.slice()
        changed[place] = byte
        const result = codeOf(() => decodeBatch(sealedAround(changed, 2, 0)))
        if (typeof result === 'string') expect(result).toBe('QUORATE_CORRUPT_BATCH')
        else expect(result).toHaveLength(2)
      }
    }
  })

  test('refuses a bomb: more than 64 MiB after decompression', () => {
    const zeroes = new Uint8Array(65 * 1024 * 1024)
    for (const [codec, bomb] of [
      [1, gzipSync(zeroes)] as const,
      [4, zstdCompressSync(zeroes)] as const,
    ]) {
      expect(bomb.length).toBeLessThan(maxBatchBytes)
      expect(codeOf(() => decodeBatch(sealedAround(bomb, 1, codec)))).toBe('QUORATE_CORRUPT_BATCH')
    }
  })

  test('believes no count: 200,000 records in 14 compressed bytes are refused at once', () => {
    const batch = sealedAround(gzipSync(new Uint8Array(14)), maxBatchRecords, 1)
    expect(codeOf(() => decodeBatch(batch))).toBe('QUORATE_CORRUPT_BATCH')
  })
})
