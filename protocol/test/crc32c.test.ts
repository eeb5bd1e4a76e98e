import { crc32c as platformaticCrc32c } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nativeCrc32c, softwareCrc32c } from '../src/crc32c.ts'
import { crc32c } from '../src/index.ts'
import { bytes, cutAt, cuts, utf8 } from './arbitraries.ts'

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index)

/** RFC 3720 appendix B.4, and the check value of the catalogue of CRC algorithms. */
const vectors: [name: string, bytes: Uint8Array, crc: number][] = [
  ['nothing', new Uint8Array(0), 0],
  ['check value', utf8('123456789'), 0xe3069283],
  ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 ascending bytes', ascending, 0x46dd794e],
  ['32 descending bytes', ascending.toReversed(), 0x113fdb5c],
]

describe('CRC-32C', () => {
  test.each(vectors)('matches the published value of %s', (_, input, crc) => {
    expect(crc32c(input)).toBe(crc)
    expect(softwareCrc32c(input)).toBe(crc)
  })

  test('the native implementation is there on this platform', () => {
    expect(nativeCrc32c?.(utf8('123456789'), 0)).toBe(0xe3069283)
  })

  test('native, own and a foreign implementation agree on any bytes, cut anywhere', () => {
    const native = nativeCrc32c!
    fc.assert(
      fc.property(bytes(600), cuts, (input, places) => {
        const crc = softwareCrc32c(input)
        expect(native(input, 0)).toBe(crc)
        expect(platformaticCrc32c(Buffer.from(input)) >>> 0).toBe(crc)
        const pieces = cutAt(input, places)
        expect(crc32c(pieces)).toBe(crc)
        expect(pieces.pieces.reduce((previous, piece) => native(piece, previous), 0)).toBe(crc)
        expect(pieces.pieces.reduce((previous, piece) => softwareCrc32c(piece, previous), 0)).toBe(
          crc,
        )
      }),
      { numRuns: 200 },
    )
  })
})
