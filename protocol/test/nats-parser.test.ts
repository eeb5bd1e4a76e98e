import { describe, expect, test } from 'vitest'
import type { NatsMessage } from '../src/index.ts'
import { joinChunks, NatsParser } from '../src/index.ts'
import { utf8 } from './arbitraries.ts'
import { type Event, eventsOf, limits } from './nats-events.ts'

const kind = (events: Event[]): unknown => {
  const last = events.at(-1)
  return last?.[0] === 'protocolError' ? last[1] : `no error: ${JSON.stringify(events)}`
}

describe('the parser of a server', () => {
  test.each<[line: string, event: Event]>([
    ['CONNECT {"verbose":false,"name":"x y"}\r\n', ['connect', { verbose: false, name: 'x y' }]],
    ['connect\t{}\n', ['connect', {}]],
    ['PING\r\n', ['ping']],
    ['pong\n', ['pong']],
    ['SUB a.* 9\r\n', ['sub', 'a.*', undefined, '9']],
    ['sub  a.>\tworkers 10 \r\n', ['sub', 'a.>', 'workers', '10']],
    ['UNSUB 9\r\n', ['unsub', '9', undefined]],
    ['unSub 9 5\r\n', ['unsub', '9', 5]],
    ['PUB a 5\r\nhello\r\n', ['pub', { subject: 'a', payload: 'hello' }]],
    [
      'pub a _INBOX.1 5\r\nhello\r\n',
      ['pub', { subject: 'a', reply: '_INBOX.1', payload: 'hello' }],
    ],
    ['PUB a 0\r\n\r\n', ['pub', { subject: 'a', payload: '' }]],
    ['PUB a 2\r\n\r\n\r\n', ['pub', { subject: 'a', payload: '\r\n' }]],
    [
      'HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\n',
      ['pub', { subject: 'a', headers: 'NATS/1.0\r\n\r\n', payload: 'hello' }],
    ],
    [
      'hpub a r 12 12\r\nNATS/1.0\r\n\r\n\r\n',
      ['pub', { subject: 'a', reply: 'r', headers: 'NATS/1.0\r\n\r\n', payload: '' }],
    ],
    ['HPUB a 0 0\r\n\r\n', ['pub', { subject: 'a', headers: '', payload: '' }]],
  ])('reads %j', (line, event) => {
    expect(eventsOf('server', line)).toEqual([event])
  })

  test('reads subjects in UTF-8 and tells them from equal characters', () => {
    const events = eventsOf('server', [
      utf8('PUB grüße 0\r\n\r\nPUB grüße 0\r\n\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\nPUB b 0\r\n\r\n'),
    ])
    expect(events.map(([, message]) => (message as NatsMessage).subject)).toEqual([
      'grüße',
      'grüße',
      'a',
      'b',
      'b',
    ])
    // As latin-1 the same bytes would be another subject of the same length.
    expect(kind(eventsOf('server', 'PUB gr\xfc\xdfe 0\r\n\r\n'))).toBe('malformed')
  })

  test.each([
    ['an operation of the other side', 'MSG a 1 0\r\n\r\n'],
    ['+OK', '+OK\r\n'],
    ['an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an empty line', '\r\n'],
    ['a line that starts with a space', ' PING\r\n'],
    ['a longer word', 'PINGS\r\n'],
    ['a word that only ends right', 'XXXNECT {}\r\n'],
    ['another word that only ends right', 'XNSUB 1\r\n'],
    ['binary', '\x16\x03\x01\x02\0\x01\n'],
  ])('refuses %s as unknown', (_, line) => {
    expect(kind(eventsOf('server', line))).toBe('unknown-operation')
  })

  test.each([
    ['CONNECT\r\n'],
    ['CONNECT {\r\n'],
    ['CONNECT []\r\n'],
    ['CONNECT null\r\n'],
    ['CONNECT "x"\r\n'],
    ['PUB\r\n'],
    ['PUB a\r\n'],
    ['PUB a b c 1\r\n'],
    ['PUB a x\r\n'],
    ['PUB a -1\r\n'],
    ['PUB a +1\r\n'],
    ['PUB a 1e2\r\n'],
    ['PUB a 1234567890\r\n'],
    ['PUB a 3\r\nhello\r\n'],
    ['PUB a 5\r\nhelloX\n'],
    ['PUB a 5\r\nhello\r\r'],
    ['PUB a 5\r\nhello\n'],
    ['HPUB a 5\r\n'],
    ['HPUB a 6 5\r\n'],
    ['HPUB a x 5\r\n'],
    ['HPUB a b c 1 5\r\n'],
    ['HPUB a b c d 1 5\r\n'],
    ['SUB a\r\n'],
    ['SUB a b c d\r\n'],
    ['SUB a b c d e f g h\r\n'],
    ['UNSUB\r\n'],
    ['UNSUB 1 x\r\n'],
    ['UNSUB 1 2 3\r\n'],
    ['SUB \xff 1\r\n'],
  ])('refuses %j as malformed', (line) => {
    expect(kind(eventsOf('server', line))).toBe('malformed')
  })

  test('refuses a payload above the limit before it comes, and takes one at the limit', () => {
    const { maxPayloadBytes } = limits
    expect(kind(eventsOf('server', `PUB a ${maxPayloadBytes + 1}\r\n`))).toBe('max-payload')
    expect(kind(eventsOf('server', `HPUB a 12 ${maxPayloadBytes + 1}\r\n`))).toBe('max-payload')
    expect(kind(eventsOf('server', 'PUB a 999999999\r\n'))).toBe('max-payload')
    const body = 'x'.repeat(maxPayloadBytes)
    expect(eventsOf('server', `PUB a ${maxPayloadBytes}\r\n${body}\r\n`)).toHaveLength(1)
  })

  test.each(['\r\n', '\n'])('refuses a control line above the limit that ends in %j', (end) => {
    const line = (length: number): string => `SUB ${'a'.repeat(length - 6)} 1`
    const { maxControlLineBytes } = limits
    expect(eventsOf('server', line(maxControlLineBytes) + end)[0]![0]).toBe('sub')
    expect(kind(eventsOf('server', line(maxControlLineBytes + 1) + end))).toBe('control-line')
    expect(kind(eventsOf('server', 'x'.repeat(maxControlLineBytes + 2)))).toBe('control-line')
    expect(eventsOf('server', 'x'.repeat(maxControlLineBytes + 1))).toEqual([])
  })

  test('is dead after an error: nothing else is read, not even what was pushed with it', () => {
    const events = eventsOf('server', 'PING\r\nBAD\r\nPING\r\n')
    expect(events).toEqual([['ping'], ['protocolError', 'unknown-operation', 'BAD']])
  })

  test('says nothing more once closed, also inside an event', () => {
    const seen: string[] = []
    const nothing = (): void => {}
    const parser = new NatsParser(
      'server',
      {
        ping: () => {
          seen.push('ping')
          parser.close()
        },
        pong: nothing,
        protocolError: nothing,
        connect: nothing,
        pub: nothing,
        sub: nothing,
        unsub: nothing,
      },
      limits,
    )
    parser.push(utf8('PING\r\nPING\r\n'))
    parser.push(utf8('PING\r\n'))
    expect(seen).toEqual(['ping'])
  })

  test('keeps its excerpt of garbage short and printable', () => {
    const [event] = eventsOf('server', `\x00\x1b[31m${'z'.repeat(90)}\n`)
    expect(event![2]).toMatch(/^[ -~]{1,32}$/)
  })

  test('keeps __proto__ of a CONNECT an ordinary field', () => {
    const [event] = eventsOf('server', 'CONNECT {"__proto__":{"admin":true}}\r\n')
    expect((event![1] as { admin?: boolean }).admin).toBeUndefined()
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })
})

describe('the parser of a client', () => {
  test.each<[line: string, event: Event]>([
    ['INFO {"max_payload":1048576}\r\n', ['info', { max_payload: 1_048_576 }]],
    ['MSG a 9 5\r\nhello\r\n', ['msg', { subject: 'a', sid: '9', payload: 'hello' }]],
    ['msg a 9 r 0\r\n\r\n', ['msg', { subject: 'a', sid: '9', reply: 'r', payload: '' }]],
    [
      'HMSG a 9 r 12 13\r\nNATS/1.0\r\n\r\nx\r\n',
      ['msg', { subject: 'a', sid: '9', reply: 'r', headers: 'NATS/1.0\r\n\r\n', payload: 'x' }],
    ],
    [
      'HMSG a 9 12 12\r\nNATS/1.0\r\n\r\n\r\n',
      ['msg', { subject: 'a', sid: '9', headers: 'NATS/1.0\r\n\r\n', payload: '' }],
    ],
    ['+OK\r\n', ['ok']],
    ["-ERR 'Unknown Protocol Operation'\r\n", ['error', 'Unknown Protocol Operation']],
    ['-err\r\n', ['error', '']],
    ['PING\r\n', ['ping']],
    ['PONG\r\n', ['pong']],
  ])('reads %j', (line, event) => {
    expect(eventsOf('client', line)).toEqual([event])
  })

  test.each(['PUB a 0\r\n\r\n', 'SUB a 1\r\n', 'CONNECT {}\r\n'])('refuses %j', (line) => {
    expect(kind(eventsOf('client', line))).toBe('unknown-operation')
  })

  test.each(['MSG a 5\r\n', 'MSG a 1 b c 5\r\n', 'HMSG a 1 5\r\n', 'INFO x\r\n'])(
    'refuses %j as malformed',
    (line) => {
      expect(kind(eventsOf('client', line))).toBe('malformed')
    },
  )
})

describe('a payload', () => {
  const collect = (pieces: readonly Uint8Array[]): NatsMessage => {
    const messages: NatsMessage[] = []
    const fail = (...values: unknown[]): never => {
      throw new Error(JSON.stringify(values))
    }
    const events = { ping: fail, pong: fail, protocolError: fail, connect: fail, sub: fail }
    const parser = new NatsParser(
      'server',
      { ...events, unsub: fail, pub: (message) => messages.push(message) },
      { maxPayloadBytes: 1_000_000, maxControlLineBytes: 4096 },
    )
    for (const piece of pieces) parser.push(piece)
    expect(messages).toHaveLength(1)
    return messages[0]!
  }

  test('refers to the bytes pushed: one piece per chunk it came in', () => {
    const chunks = [65_536, 65_536, 1000].map((length) => new Uint8Array(length).fill(1))
    const size = 65_536 + 65_536 + 1000
    const { payload } = collect([utf8(`PUB a ${size}\r\n`), ...chunks, utf8('\r\n')])
    expect(payload.byteLength).toBe(size)
    expect(payload.pieces).toHaveLength(3)
    expect(payload.pieces[0]).toBe(chunks[0])
    expect(payload.pieces[2]).toBe(chunks[2])
  })

  test('and its headers are parts of the one chunk that holds the message', () => {
    const bytes = utf8('HPUB a 12 17\r\nNATS/1.0\r\n\r\nhello\r\n')
    const { headers, payload } = collect([bytes])
    expect(headers!.buffer).toBe(bytes.buffer)
    expect(payload.pieces[0]!.buffer).toBe(bytes.buffer)
  })

  test('that drips in byte by byte is gathered into few pieces', () => {
    const size = 100_000
    const drops = Array.from({ length: size }, (_, index) => Uint8Array.of(index))
    const { payload } = collect([utf8(`PUB a ${size}\r\n`), ...drops, utf8('\r\n')])
    expect(payload.pieces.length).toBeLessThan(size / 1000)
    expect(joinChunks(payload).every((byte, index) => byte === (index & 0xff))).toBe(true)
  })
})
