// Values to bytes and back. The broker never looks at values: what a codec writes is what lies on
// disk and what every other reader of the topic gets.

export interface Codec<Value> {
  encode(value: Value): Uint8Array
  /** May throw: the reader then rejects with QUORATE_DECODE_FAILED. */
  decode(bytes: Uint8Array): Value
}

export type CodecName = 'json' | 'text' | 'bytes'

const encoder = new TextEncoder()
// Invalid UTF-8 is an error here, not a replacement character: nothing is lost silently.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const json: Codec<unknown> = {
  encode(value) {
    const text: unknown = JSON.stringify(value)
    if (typeof text === 'string') return encoder.encode(text)
    throw new TypeError(`a value of type ${typeof value} has no JSON`)
  },
  decode: (bytes) => JSON.parse(decoder.decode(bytes)) as unknown,
}

const text: Codec<unknown> = {
  encode(value) {
    if (typeof value === 'string') return encoder.encode(value)
    throw new TypeError(`the codec 'text' takes a string, not a value of type ${typeof value}`)
  },
  decode: (bytes) => decoder.decode(bytes),
}

const bytes: Codec<unknown> = {
  encode(value) {
    if (value instanceof Uint8Array) return value
    throw new TypeError(`the codec 'bytes' takes a Uint8Array, not a value of type ${typeof value}`)
  },
  decode: (stored) => stored,
}

export const codecs: Readonly<Record<CodecName, Codec<unknown>>> = { json, text, bytes }
