import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BatchKind,
  blockBytes,
  type DirectoryRecord,
  decodeDirectory,
  decodeWalFileHeader,
  directoryBlocks,
  encodeWalFileHeader,
  RecordKind,
  writeDirectory,
} from '../../src/storage/wal-format.ts'

const named = {
  copied: fc.boolean(),
  begun: fc.boolean(),
  group: fc.record({ topicId: fc.maxSafeNat(), partition: fc.nat(1e6) }),
  replicaId: fc.maxSafeNat(),
  index: fc.maxSafeNat(),
  term: fc.maxSafeNat(),
  chain: fc.record({ high: fc.nat(0xffff_ffff), low: fc.nat(0xffff_ffff) }),
}
const { resetToSnapshot, ...others } = RecordKind
const record = fc.oneof(
  fc.record<DirectoryRecord>({
    ...named,
    kind: fc.constantFrom(...Object.values(others)),
    count: fc.nat(1000),
    position: fc.nat(2 ** 30),
    byteLength: fc.nat(2 ** 30),
    lostFile: fc.nat(1e9),
    endOffset: fc.constant(0),
    appendTimeMs: fc.constant(0),
  }),
  fc.record<DirectoryRecord>({
    ...named,
    kind: fc.constant(resetToSnapshot),
    count: fc.constant(0),
    position: fc.constant(0),
    byteLength: fc.constant(0),
    lostFile: fc.constant(0),
    endOffset: fc.maxSafeNat(),
    appendTimeMs: fc.maxSafeNat(),
  }),
)

const header = {
  fileNumber: 7,
  sizeBytes: 65_536,
  clusterId: '0123456789abcdef',
  incarnation: 'fedcba9876543210',
  salt: 0xdead_beef,
}

describe('a WAL file header', () => {
  test('is read back', () => {
    expect(decodeWalFileHeader(encodeWalFileHeader(header))).toEqual(header)
  })

  test('with a flipped bit, or of zeros, is none', () => {
    const block = encodeWalFileHeader(header)
    for (let at = 0; at < 128; at += 1) {
      block[at]! ^= 1
      expect(decodeWalFileHeader(block)).toBeUndefined()
      block[at]! ^= 1
    }
    expect(decodeWalFileHeader(new Uint8Array(blockBytes))).toBeUndefined()
  })
})

describe('a batch directory', () => {
  test('is read back with its own records and those of the batch before', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 100, size: 'max' }),
        fc.array(record, { maxLength: 100, size: 'max' }),
        (records, before) => {
          const blocks = directoryBlocks(records.length, before.length)
          // What the buffer held before must not shine through.
          const bytes = new Uint8Array(blocks * blockBytes).fill(0xaa)
          const previous = {
            crc: 5,
            fileNumber: 6,
            position: 8192,
            payloadBytes: 99,
            records: before,
          }
          const fields = {
            kind: BatchKind.data,
            fileNumber: 7,
            batchNumber: 12,
            payloadBytes: 5000,
            records,
            previous,
          }
          const crc = writeDirectory(bytes, fields, header.salt)
          const directory = decodeDirectory(bytes, 7, header.salt)!
          expect(directory).toEqual({
            ...fields,
            crc,
            directoryBytes: bytes.byteLength,
            sizeBytes: bytes.byteLength + 2 * blockBytes,
          })
          expect(decodeDirectory(bytes, 8, header.salt)).toBeUndefined()
          expect(decodeDirectory(bytes, 7, header.salt + 1)).toBeUndefined()
        },
      ),
      { numRuns: 50 },
    )
  })

  test('missing any of its sectors is none', () => {
    const records = fc.sample(record, { numRuns: 70, seed: 1 })
    const bytes = new Uint8Array(directoryBlocks(70, 0) * blockBytes)
    const previous = { crc: 0, fileNumber: 0, position: 0, payloadBytes: 0, records: [] }
    const fields = {
      kind: BatchKind.data,
      fileNumber: 7,
      batchNumber: 1,
      payloadBytes: 0,
      records,
      previous,
    }
    writeDirectory(bytes, fields, 3)
    const used = 64 + 70 * 64
    for (let sector = 0; sector * 512 < used; sector += 1) {
      const torn = bytes.slice()
      torn.fill(0, sector * 512, (sector + 1) * 512)
      expect(decodeDirectory(torn, 7, 3)).toBeUndefined()
    }
  })
})
