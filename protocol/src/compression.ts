// Compression of the records inside a batch. Clients compress and decompress; the broker passes
// batches through untouched and never comes here.

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { QuorateError } from './error.ts'
import { maxDecompressedBytes } from './limits.ts'

export type Compression = 'none' | 'gzip' | 'zstd'

/** Kafka's numbers, bits 0 to 2 of the attributes. 2 is snappy and 3 is lz4: not supported. */
const numbers: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, zstd: 4 }
const compressions: ReadonlyMap<number, Compression> = new Map([
  [0, 'none'],
  [1, 'gzip'],
  [4, 'zstd'],
])

export function compressionNumber(compression: Compression): number {
  return numbers[compression]
}

export function compressionOfNumber(number: number): Compression {
  const compression = compressions.get(number)
  if (compression !== undefined) return compression
  if (number === 2 || number === 3) {
    const name = number === 2 ? 'snappy' : 'lz4'
    throw new QuorateError('QUORATE_UNSUPPORTED', `${name} compression; use gzip or zstd`)
  }
  throw new QuorateError('QUORATE_CORRUPT_BATCH', `compression ${number}`)
}

export function compress(bytes: Uint8Array, compression: Compression): Uint8Array {
  if (compression === 'gzip') return gzipSync(bytes)
  return compression === 'zstd' ? zstdCompressSync(bytes) : bytes
}

export function decompress(bytes: Uint8Array, compression: Compression): Uint8Array {
  const options = { maxOutputLength: maxDecompressedBytes }
  try {
    if (compression === 'gzip') return plain(gunzipSync(bytes, options))
    return compression === 'zstd' ? plain(zstdDecompressSync(bytes, options)) : bytes
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : 'failed'
    throw new QuorateError('QUORATE_CORRUPT_BATCH', `${compression}: ${text}`, { cause })
  }
}

/** A Buffer is a Uint8Array whose slices and comparisons behave differently: not for callers. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
