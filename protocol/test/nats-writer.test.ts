import { describe, expect, test } from 'vitest'
import { chunksOf, emptyChunks, joinChunks, natsWriter } from '../src/index.ts'
import { codeOf, utf8 } from './arbitraries.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('the writer', () => {
  test('writes every operation as the NATS protocol has it', () => {
    const headers = utf8('NATS/1.0\r\n\r\n')
    const body = chunksOf(utf8('he'), utf8('llo'))
    expect(text(natsWriter.info({ a: 1 }))).toBe('INFO {"a":1}\r\n')
    expect(text(natsWriter.connect({ a: 'ü' }))).toBe('CONNECT {"a":"ü"}\r\n')
    expect(text(natsWriter.sub('a', undefined, '1'))).toBe('SUB a 1\r\n')
    expect(text(natsWriter.sub('a', 'q', '1'))).toBe('SUB a q 1\r\n')
    expect(text(natsWriter.unsub('1'))).toBe('UNSUB 1\r\n')
    expect(text(natsWriter.unsub('1', 5))).toBe('UNSUB 1 5\r\n')
    expect(text(natsWriter.ping())).toBe('PING\r\n')
    expect(text(natsWriter.pong())).toBe('PONG\r\n')
    expect(text(natsWriter.ok())).toBe('+OK\r\n')
    expect(text(natsWriter.error("it's\r\nover"))).toBe("-ERR 'it s  over'\r\n")
    const joined = (...args: Parameters<typeof natsWriter.pub>): string =>
      text(joinChunks(natsWriter.pub(...args)))
    expect(joined('a', undefined, undefined, body)).toBe('PUB a 5\r\nhello\r\n')
    expect(joined('a', 'r', undefined, emptyChunks)).toBe('PUB a r 0\r\n\r\n')
    expect(joined('a', 'r', headers, body)).toBe('HPUB a r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n')
    const message = natsWriter.msg('a', '9', 'r', headers, body)
    expect(text(joinChunks(message))).toBe('HMSG a 9 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n')
    expect(text(joinChunks(natsWriter.msg('a', '9', undefined, undefined, body)))).toBe(
      'MSG a 9 5\r\nhello\r\n',
    )
  })

  test('makes one piece of a small message and refers to a large payload', () => {
    expect(natsWriter.pub('a', 'r', undefined, chunksOf(utf8('x'), utf8('y'))).pieces).toHaveLength(
      1,
    )
    const payload = chunksOf(new Uint8Array(600), new Uint8Array(700))
    const large = natsWriter.pub('a', 'r', utf8('NATS/1.0\r\n\r\n'), payload)
    expect(large.pieces).toHaveLength(4)
    expect(large.pieces.slice(1, 3)).toEqual(payload.pieces)
    expect(large.pieces[1]).toBe(payload.pieces[0])
    const block = new Uint8Array(600)
    const withBlock = natsWriter.msg('a', '1', undefined, block, payload)
    expect(withBlock.pieces[1]).toBe(block)
    for (const chunks of [large, withBlock]) {
      expect(chunks.byteLength).toBe(joinChunks(chunks).byteLength)
    }
  })

  test.each(['', 'a b', 'a\r\nPUB x 0', 'a\tb', 'a\0'])('refuses %j as an argument', (argument) => {
    const calls = [
      () => natsWriter.pub(argument, undefined, undefined, emptyChunks),
      () => natsWriter.pub('a', argument, undefined, emptyChunks),
      () => natsWriter.msg('a', argument, undefined, undefined, emptyChunks),
      () => natsWriter.sub(argument, undefined, '1'),
      () => natsWriter.sub('a', argument, '1'),
      () => natsWriter.unsub(argument),
    ]
    for (const call of calls) expect(codeOf(call)).toBe('QUORATE_INVALID_ARGUMENT')
  })
})
