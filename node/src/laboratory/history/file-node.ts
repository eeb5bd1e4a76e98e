// Histories in files: a header and then one event per line. Reads and writes piece by piece, so a file
// may be larger than memory. The only part of the histories that touches files.
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { type History, HistoryError, type HistoryEvent } from './event.ts'
import { eventLine, headerLine, parseEvent, parseHeader } from './line.ts'

const pieceBytes = 1024 * 1024

/** Replaces the file when there is one. */
export function writeHistory(file: string, { header, events }: History): void {
  const descriptor = openSync(file, 'w')
  try {
    let piece = headerLine(header)
    for (const event of events) {
      piece += eventLine(event)
      if (piece.length < pieceBytes) continue
      writeFileSync(descriptor, piece)
      piece = ''
    }
    writeFileSync(descriptor, piece)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Reads the header now and the events each time they are gone through, without keeping them.
 * @throws {HistoryError} when a line does not fit, with its number; errors of the file as they are.
 */
export function readHistory(file: string): History {
  for (const line of linesOf(file)) {
    const header = parseHeader(line, 1)
    return { header, events: { [Symbol.iterator]: () => eventsOf(file) } }
  }
  throw new HistoryError('line 1: there is none, and it is the header')
}

function* eventsOf(file: string): Generator<HistoryEvent, void> {
  let number = 0
  for (const line of linesOf(file)) {
    number += 1
    if (number > 1) yield parseEvent(line, number)
  }
}

function* linesOf(file: string): Generator<string> {
  const descriptor = openSync(file, 'r')
  try {
    const piece = Buffer.allocUnsafe(pieceBytes)
    // A piece may end inside a character.
    const decoder = new StringDecoder('utf8')
    let rest = ''
    for (;;) {
      const bytes = readSync(descriptor, piece)
      const lines = (rest + decoder.write(piece.subarray(0, bytes))).split('\n')
      rest = lines.pop()!
      yield* lines
      if (bytes === 0) break
    }
    if (rest !== '') yield rest
  } finally {
    closeSync(descriptor)
  }
}
