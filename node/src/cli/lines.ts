// Cuts a byte stream into lines without decoding them, so that what is stored is what was given. The
// newline is not part of a line, a carriage return before it is; a last line without one counts. A
// line beyond the bound ends the cutting with an error instead of filling the memory.
import { QuorateError } from '@quorate/protocol'

const newline = 10

export async function* lines(
  input: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<Uint8Array> {
  let number = 1
  let rest: Uint8Array[] = []
  let restBytes = 0
  const extend = (piece: Uint8Array) => {
    restBytes += piece.byteLength
    if (restBytes > lineBytesMax) {
      throw new QuorateError(
        'QUORATE_RECORD_TOO_LARGE',
        `line ${number}, above ${lineBytesMax} bytes`,
      )
    }
    if (piece.byteLength > 0) rest.push(piece)
  }
  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      extend(chunk.subarray(start, end))
      yield joined(rest)
      number += 1
      rest = []
      restBytes = 0
      start = end + 1
    }
    extend(chunk.subarray(start))
  }
  if (restBytes > 0) yield joined(rest)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}
