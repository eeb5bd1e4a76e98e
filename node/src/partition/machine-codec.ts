// Bytes of a partition machine's state: what a checkpoint file carries. One state has one encoding,
// so replicas can be compared byte for byte. Integrity is the file's business (CRC, chain); here
// only form is checked. Big-endian:
//
//   state    = magic:uint24("QPM") version:uint8(1) point last-append-time:uint64
//              last-records-time:uint64 next-offset:uint64 log-bytes:uint64 roll(log start) roll(last) open-since:uint64
//              count:uint32 *roll count:uint32 *producer
//   point    = index:uint64 term:uint64 chain
//   chain    = high:uint32 low:uint32
//   roll     = index:uint64 offset:uint64 chain records-time:uint64 log-bytes:uint64
//   producer = id:uint64 epoch:uint16 accepted:uint64 last-append-time:uint64
//              count:uint8 *batch                         ; oldest last append first
//   batch    = first:uint64 count:uint32 base-offset:uint64 index:uint64
import { FieldReader, FieldWriter, QuorateError } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import type { LogProgressState, RollPoint } from './log-progress.ts'
import type { Producer, ProducerTable, RememberedBatch } from './producer-table.ts'

export interface MachineState {
  readonly log: LogProgressState
  readonly producers: readonly (readonly [number, Producer])[]
}

/** "QPM" and the version. */
const magic = 0x51504d01
const rollBytes = 40
const fixedBytes = 4 + 24 + 32 + 2 * rollBytes + 8 + 4 + 4
const producerBytes = 27
const batchBytes = 28

export function encodeMachine(log: LogProgressState, producers: ProducerTable): Uint8Array {
  const writer = new FieldWriter(encodedBytes(log, producers))
  writer.uint32(magic)
  writer.uint64(log.applied.index)
  writer.uint64(log.applied.term)
  writeChain(writer, log.applied.chain)
  writer.uint64(log.lastAppendTimeMs)
  writer.uint64(log.lastRecordsTimeMs)
  writer.uint64(log.nextOffset)
  writer.uint64(log.logBytes)
  writeRoll(writer, log.logStart)
  writeRoll(writer, log.lastRoll)
  writer.uint64(log.openSinceMs)
  writer.uint32(log.rolls.length)
  for (const roll of log.rolls) writeRoll(writer, roll)
  writer.uint32(producers.size)
  for (const [id, producer] of producers.entries()) writeProducer(writer, id, producer)
  return writer.finish()
}

/** Throws QUORATE_STORAGE_DAMAGED, or QUORATE_FORMAT_VERSION for another version's bytes. */
export function decodeMachine(bytes: Uint8Array): MachineState {
  const reader = new FieldReader(bytes)
  try {
    checkMagic(reader.uint32())
    const state = { log: readLog(reader), producers: readList(reader, producerBytes, readProducer) }
    if (reader.remaining !== 0) throw damaged(`${reader.remaining} bytes too many`)
    return state
  } catch (cause) {
    // What the reader calls an invalid request is a damaged file here.
    if (!(cause instanceof QuorateError) || cause.code !== 'QUORATE_INVALID_REQUEST') throw cause
    throw damaged(cause.message, cause)
  }
}

function checkMagic(found: number): void {
  if (found === magic) return
  if (found >>> 8 !== magic >>> 8) throw damaged('no partition state')
  throw new QuorateError('QUORATE_FORMAT_VERSION', `partition state of version ${found & 0xff}`)
}

function encodedBytes(log: LogProgressState, producers: ProducerTable): number {
  let byteLength = fixedBytes + log.rolls.length * rollBytes
  for (const [, { window }] of producers.entries()) {
    byteLength += producerBytes + window.length * batchBytes
  }
  return byteLength
}

function damaged(detail: string, cause?: unknown): QuorateError {
  return new QuorateError('QUORATE_STORAGE_DAMAGED', `checkpoint: ${detail}`, { cause })
}

function writeChain(writer: FieldWriter, chain: Chain): void {
  writer.uint32(chain.high)
  writer.uint32(chain.low)
}

function writeRoll(writer: FieldWriter, roll: RollPoint): void {
  writer.uint64(roll.index)
  writer.uint64(roll.offset)
  writeChain(writer, roll.chain)
  writer.uint64(roll.recordsTimeMs)
  writer.uint64(roll.logBytes)
}

function writeProducer(writer: FieldWriter, id: number, producer: Producer): void {
  writer.uint64(id)
  writer.uint16(producer.epoch)
  writer.uint64(producer.accepted)
  writer.uint64(producer.lastAppendTimeMs)
  writer.uint8(producer.window.length)
  for (const { first, count, baseOffset, index } of producer.window) {
    writer.uint64(first)
    writer.uint32(count)
    writer.uint64(baseOffset)
    writer.uint64(index)
  }
}

function readLog(reader: FieldReader): LogProgressState {
  // Fields are read in the order they are written: an object literal is evaluated in order.
  return {
    applied: { index: reader.uint64(), term: reader.uint64(), chain: readChain(reader) },
    lastAppendTimeMs: reader.uint64(),
    lastRecordsTimeMs: reader.uint64(),
    nextOffset: reader.uint64(),
    logBytes: reader.uint64(),
    logStart: readRoll(reader),
    lastRoll: readRoll(reader),
    openSinceMs: reader.uint64(),
    rolls: readList(reader, rollBytes, readRoll),
  }
}

function readChain(reader: FieldReader): Chain {
  return { high: reader.uint32(), low: reader.uint32() }
}

function readRoll(reader: FieldReader): RollPoint {
  return {
    index: reader.uint64(),
    offset: reader.uint64(),
    chain: readChain(reader),
    recordsTimeMs: reader.uint64(),
    logBytes: reader.uint64(),
  }
}

function readProducer(reader: FieldReader): readonly [number, Producer] {
  const id = reader.uint64()
  const epoch = reader.uint16()
  const accepted = reader.uint64()
  const lastAppendTimeMs = reader.uint64()
  const window: RememberedBatch[] = []
  for (let left = reader.uint8(); left > 0; left--) window.push(readBatch(reader))
  const last = window.at(-1)
  if (last === undefined || last.first + last.count !== accepted) {
    throw damaged(`producer ${id} without its last batch`)
  }
  return [id, { epoch, accepted, lastAppendTimeMs, window }]
}

function readBatch(reader: FieldReader): RememberedBatch {
  return {
    first: reader.uint64(),
    count: reader.uint32(),
    baseOffset: reader.uint64(),
    index: reader.uint64(),
  }
}

/** `itemBytes`: the least one item takes, so that a wrong count cannot ask for the world. */
function readList<Item>(
  reader: FieldReader,
  itemBytes: number,
  read: (reader: FieldReader) => Item,
): Item[] {
  const count = reader.uint32()
  if (count * itemBytes > reader.remaining) throw damaged(`${count} items in too few bytes`)
  return Array.from({ length: count }, () => read(reader))
}
