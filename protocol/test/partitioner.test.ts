import { murmur2 as platformaticMurmur2 } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { murmur2, partitionForKey } from '../src/index.ts'
import { bytes, utf8 } from './arbitraries.ts'
import { kafkajsMurmur2 } from './kafka-libraries.ts'

describe('the partitioner', () => {
  // Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])("hashes %s as Kafka's own test says", (key, hash) => {
    expect(murmur2(utf8(key))).toBe(hash)
  })

  test('hashes any key as two Kafka clients do', () => {
    fc.assert(
      fc.property(bytes(70), (key) => {
        const hash = murmur2(key)
        expect(kafkajsMurmur2(Buffer.from(key))).toBe(hash)
        expect(platformaticMurmur2(Buffer.from(key))).toBe(hash)
      }),
      { numRuns: 200 },
    )
  })

  test('puts a key into one partition in range, the same for text and its UTF-8', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 999 }),
        (key, count) => {
          const partition = partitionForKey(key, count)
          expect(partition).toBe(partitionForKey(utf8(key), count))
          expect(partition).toBe((murmur2(utf8(key)) & 0x7fffffff) % count)
          expect(partition).toBeGreaterThanOrEqual(0)
          expect(partition).toBeLessThan(count)
        },
      ),
      { numRuns: 100 },
    )
  })
})
