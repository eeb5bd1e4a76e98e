import { joinChunks, QuorateError } from '@quorate/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiRequest, jsonReply } from '../../src/doors/api.ts'
import { MemoryDoor } from './memory-door.ts'

function infoOf(text: string): Record<string, unknown> {
  const line = text.split('\r\n').find((each) => each.startsWith('INFO '))
  return JSON.parse(line!.slice(5)) as Record<string, unknown>
}

describe('a connection of the NATS door', () => {
  test('is greeted with everything a NATS client wants to know', () => {
    const info = infoOf(new MemoryDoor().link().heard())
    expect(info).toEqual({
      server_id: 'n1-0123456789abcdef',
      server_name: 'n1',
      version: '0.1.0',
      proto: 1,
      headers: true,
      max_payload: 1_048_576,
      host: '127.0.0.1',
      port: 4222,
      client_id: 1,
      nonce: 'nonce-1',
    })
  })

  test('gets +OK for everything when verbose, and the answers it asked for', () => {
    const door = new MemoryDoor()
    const link = door.link()
    link.heard()
    link.say('CONNECT {"verbose":true}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\nPING\r\n')
    expect(link.heard()).toBe('+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n+OK\r\n+OK\r\nPONG\r\n')
  })

  test('behaves the same however its bytes are cut, down to one at a time', () => {
    const conversation =
      'CONNECT {"headers":true,"no_responders":true}\r\nSUB in.* 1\r\nSUB in.> q 2\r\n' +
      'PUB in.a back 5\r\nhello\r\nHPUB in.b 24 26\r\nNATS/1.0\r\nname: v\r\n   \r\nhi\r\n' +
      'UNSUB 1\r\nPUB in.c 0\r\n\r\nPING\r\nPUB nobody 1\r\nx\r\nBAD\r\n'
    const converse = (sizes: () => number): string => {
      const link = new MemoryDoor().link()
      for (let start = 0; start < conversation.length; ) {
        const size = sizes()
        link.say(conversation.slice(start, start + size))
        start += size
      }
      return link.heard()
    }
    const whole = converse(() => conversation.length)
    expect(whole).toContain('MSG in.a 1 back 5\r\nhello\r\n')
    expect(whole).toContain('HMSG in.b 2 24 26\r\n')
    expect(whole).toContain("-ERR 'Unknown Protocol Operation'\r\n")
    expect(converse(() => 1)).toBe(whole)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 5 }), (sizes) => {
        let index = 0
        expect(converse(() => sizes[index++ % sizes.length]!)).toBe(whole)
      }),
      { numRuns: 50 },
    )
  })

  test('that sends garbage is told so and closed, and no other connection notices', () => {
    const door = new MemoryDoor()
    const witness = door.client()
    witness.say('SUB a 1\r\n')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200, size: 'max' }), (bytes) => {
        const link = door.link()
        link.handlers.data(bytes)
        link.say('\r\nGET / HTTP/1.1\r\n\r\n')
        expect(link.heard()).toMatch(/-ERR '[^']+'\r\n$/)
        expect(link.ended).toBe(true)
        link.hangUp()
      }),
      { numRuns: 200 },
    )
    expect(door.door.connections).toBe(1)
    witness.say('PUB a 1\r\nx\r\n')
    expect(witness.heard()).toBe('MSG a 1 1\r\nx\r\n')
  })

  test.each([
    ['NONSENSE\r\n', 'Unknown Protocol Operation'],
    ['PUB a 2000000\r\n', 'Maximum Payload Violation'],
    [`SUB ${'a'.repeat(5000)} 1\r\n`, 'Maximum Control Line Exceeded'],
    ['PUB a b c d e\r\n', 'Parser Error'],
    ['PUB a 1\r\nxyz', 'Parser Error'],
  ])('that sends %j hears the reason, and nothing it sends later counts', (bytes, reason) => {
    const door = new MemoryDoor()
    const link = door.client()
    link.say(`SUB a 1\r\n${bytes}`)
    expect(link.heard()).toBe(`-ERR '${reason}'\r\n`)
    expect(link.ended).toBe(true)
    link.say('PUB a 1\r\nx\r\n')
    expect(link.heard()).toBe('')
    expect(door.door.counts.ended['protocol-error']).toBe(1)
    expect(door.router.subscriptions).toBe(0)
  })

  test('survives an invalid subject and is told', () => {
    const link = new MemoryDoor().client()
    link.say('PUB a..b 1\r\nx\r\nPUB a.* 1\r\nx\r\nSUB a.>.b 1\r\nPUB a b..c 1\r\nx\r\nPING\r\n')
    const error = "-ERR 'Invalid Subject'\r\n"
    expect(link.heard()).toBe(`${error}${error}${error}${error}PONG\r\n`)
    expect(link.ended).toBe(false)
  })

  test('cannot make another client’s line break with odd bytes in a subject or name', () => {
    const door = new MemoryDoor()
    const witness = door.client()
    const link = door.client()
    witness.say('SUB > 1\r\n')
    link.say('SUB a sid\rx\r\nPUB a\u00a0b 1\r\nx\r\nPUB a\rPING 1\r\nx\r\nPUB b 1\r\nx\r\n')
    expect(witness.heard()).toMatch(/MSG b 1 1\r\nx\r\n$/)
    expect(witness.ended).toBe(false)
    expect(link.ended).toBe(false)
    expect(door.log.records).toEqual([])
  })

  test('must send CONNECT first, and within the deadline', () => {
    const door = new MemoryDoor()
    const early = door.link()
    early.say('PING\r\nPUB a 1\r\nx\r\n')
    expect(early.heard()).toMatch(/PONG\r\n-ERR 'CONNECT expected'\r\n$/)
    const late = door.link()
    late.heard()
    door.pass(4_000)
    expect(late.ended).toBe(false)
    door.pass(2_000)
    expect(late.heard()).toBe("-ERR 'Authentication Timeout'\r\n")
    expect(late.ended).toBe(true)
    door.pass(3_000)
    expect(late.destroyed).toBe(true)
    expect(door.door.counts.ended['connect-timeout']).toBe(1)
  })

  test('is asked for a sign of life when idle, and closed after two unanswered PINGs', () => {
    const door = new MemoryDoor()
    const alive = door.client()
    const silent = door.client()
    door.pass(121_000)
    expect(alive.heard()).toBe('PING\r\n')
    alive.say('PONG\r\n')
    door.pass(121_000)
    expect(silent.heard()).toBe('PING\r\nPING\r\n')
    expect(silent.ended).toBe(false)
    alive.say('PONG\r\n')
    door.pass(121_000)
    expect(silent.heard()).toBe("-ERR 'Stale Connection'\r\n")
    expect(silent.ended).toBe(true)
    expect(alive.ended).toBe(false)
  })

  test('passes payload by reference from its link to the handler and to subscribers', () => {
    const requests: ApiRequest[] = []
    const door = new MemoryDoor({ api: (request) => requests.push(request) })
    const subscriber = door.client()
    subscriber.say('SUB a 1\r\n')
    const encoder = new TextEncoder()
    for (const subject of ['a', '$Q.1.write back']) {
      const link = door.client()
      const body = 'x'.repeat(3000)
      const chunks = [`PUB ${subject} 6000\r\n${body}`, `${body}\r\n`].map((text) =>
        encoder.encode(text),
      )
      for (const chunk of chunks) link.handlers.data(chunk)
      const pieces = requests[0]?.payload.pieces ?? subscriber.pieces
      for (const { buffer } of chunks) {
        expect(pieces.filter((piece) => piece.buffer === buffer)).toHaveLength(1)
      }
    }
    expect(requests).toHaveLength(1)
  })

  test('is refused when the node has as many clients as it may', () => {
    const door = new MemoryDoor({ limits: { clientsMax: 1, connectionsReserve: 1 } })
    const first = door.client()
    const second = door.link()
    second.heard()
    second.say('CONNECT {}\r\n')
    expect(second.heard()).toBe("-ERR 'maximum connections exceeded'\r\n")
    const third = door.link()
    expect(third.heard()).toMatch(/-ERR 'maximum connections exceeded'\r\n$/)
    first.hangUp()
    second.hangUp()
    third.hangUp()
    expect(door.door.clients).toBe(0)
    expect(door.client().ended).toBe(false)
  })

  test('that does not read is closed and counted, and others keep getting messages', () => {
    const door = new MemoryDoor({ limits: { backlogBytesMax: 100_000 } })
    const slow = door.client()
    const quick = door.client()
    for (const link of [slow, quick]) link.say('SUB a 1\r\n')
    slow.stuck = true
    const text = 'x'.repeat(30_000)
    for (let count = 0; count < 5; count += 1) quick.say(`PUB a 30000\r\n${text}\r\n`)
    expect(slow.heard()).toMatch(/-ERR 'Slow Consumer'\r\n$/)
    expect(slow.ended).toBe(true)
    expect(door.door.counts.ended['slow-consumer']).toBe(1)
    expect(door.log.records.map(({ event }) => event)).toEqual(['door.slow-consumer'])
    expect(quick.heard().match(/MSG a/g)).toHaveLength(5)
    expect(door.router.subscriptions).toBe(1)
    door.pass(3_000)
    expect(slow.destroyed).toBe(true)
  })

  test('that does not take its replies is not read from until it does', () => {
    const door = new MemoryDoor({ limits: { backlogBytesMax: 100_000 } })
    const link = door.client()
    link.backlogBytes = 60_000
    door.pass(1_000)
    expect(link.paused).toBe(true)
    link.backlogBytes = 30_000
    door.pass(1_000)
    expect(link.paused).toBe(true)
    link.backlogBytes = 0
    link.handlers.drained?.()
    expect(link.paused).toBe(false)
  })

  test('ends a subscription after as many messages as it said', () => {
    const door = new MemoryDoor()
    const link = door.client()
    link.say('SUB a 1\r\nUNSUB 1 2\r\nPUB a 1\r\nx\r\nPUB a 1\r\ny\r\nPUB a 1\r\nz\r\n')
    expect(link.heard()).toBe('MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n')
    link.say('SUB b 2\r\nPUB b 1\r\nx\r\nUNSUB 2 1\r\nPUB b 1\r\ny\r\n')
    expect(link.heard()).toBe('MSG b 2 1\r\nx\r\n')
    expect(door.router.subscriptions).toBe(0)
  })

  test('without header support gets the payload alone', () => {
    const door = new MemoryDoor()
    const link = door.client({ headers: false })
    link.say('SUB a 1\r\nHPUB a 18 20\r\nNATS/1.0\r\nn: v\r\n\r\nhi\r\n')
    expect(link.heard()).toBe('MSG a 1 2\r\nhi\r\n')
  })

  test('hears at once when nobody answers, if it asked to', () => {
    const door = new MemoryDoor()
    const asks = door.client()
    const asksNot = door.client({ no_responders: false })
    for (const link of [asks, asksNot]) link.say('SUB inbox.* 7\r\nPUB nobody inbox.1 1\r\nx\r\n')
    expect(asks.heard()).toBe('HMSG inbox.1 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n')
    expect(asksNot.heard()).toBe('')
  })

  test('without echo gets no message of its own', () => {
    const link = new MemoryDoor().client({ echo: false })
    link.say('SUB a 1\r\nPUB a 1\r\nx\r\n')
    expect(link.heard()).toBe('')
  })

  test('is bounded in subscriptions', () => {
    const link = new MemoryDoor({ limits: { subscriptionsMax: 1 } }).client()
    link.say('SUB a 1\r\nSUB b 2\r\n')
    expect(link.heard()).toBe("-ERR 'maximum subscriptions exceeded'\r\n")
    expect(link.ended).toBe(false)
  })

  test('hears of the shutdown, and of nothing after', () => {
    const door = new MemoryDoor()
    const link = door.client()
    door.door.close()
    expect(link.heard()).toBe("-ERR 'Server Shutdown'\r\n")
    expect(link.ended).toBe(true)
  })
})

describe('requests at the NATS door', () => {
  const echo = (request: ApiRequest): void => {
    const { verb, topic, origin, subject, headers } = request
    const text = new TextDecoder().decode(joinChunks(request.payload))
    request.respond(jsonReply({ verb, topic, origin, subject, key: headers?.get('q-key'), text }))
  }

  test('reach the handler free of NATS, and the reply goes to the reply subject', () => {
    const link = new MemoryDoor({ api: echo }).client()
    link.say('SUB inbox 1\r\nHPUB $Q.1.produce.a.b inbox 22 24\r\n')
    link.say('NATS/1.0\r\nQ-Key: k\r\n\r\nhi\r\n')
    const [line, body] = link.heard().split('\r\n')
    expect(line).toMatch(/^MSG inbox 1 \d+$/)
    expect(JSON.parse(body!)).toEqual({
      verb: 'produce',
      topic: 'a.b',
      origin: 'client',
      subject: '$Q.1.produce.a.b',
      key: 'k',
      text: 'hi',
    })
  })

  test('on an unknown $Q. subject get an error with its code, never no-responders', () => {
    const door = new MemoryDoor({ api: echo })
    const link = door.client()
    link.say(
      'SUB inbox 1\r\nPUB $Q.1.nonsense inbox 0\r\n\r\nPUB $Q.1.event.leaders inbox 0\r\n\r\n',
    )
    const heard = link.heard()
    expect(heard.match(/q-error: QUORATE_UNKNOWN_SUBJECT\r\n/g)).toHaveLength(2)
    expect(heard).toContain('"code":"QUORATE_UNKNOWN_SUBJECT"')
    expect(heard).toContain('nodes publish on it, clients subscribe')
    link.say('PUB $Q.1.nonsense 0\r\n\r\nPUB $Q.1.list 0\r\n\r\n')
    expect(link.heard()).toBe('')
    expect(door.door.counts.requestsDropped).toBe(2)
  })

  test('to produce may go without a reply subject', () => {
    const seen: string[] = []
    const api = (request: ApiRequest): void => {
      seen.push(request.topic!)
      request.respond(jsonReply({}))
    }
    const door = new MemoryDoor({ api })
    const link = door.client()
    link.say('PUB $Q.1.produce.orders 2\r\nhi\r\n')
    expect(seen).toEqual(['orders'])
    expect(link.heard()).toBe('')
    expect(door.door.requestsInWork).toEqual({ count: 0, bytes: 0 })
  })

  test('whose handler throws get an error, and the connection lives', () => {
    const door = new MemoryDoor({
      api: (request) => {
        if (request.verb === 'list') throw new Error('defect')
        throw new QuorateError('QUORATE_INVALID_REQUEST', 'not this way')
      },
    })
    const link = door.client()
    link.say('SUB inbox 1\r\nPUB $Q.1.list inbox 0\r\n\r\nPUB $Q.1.status inbox 0\r\n\r\n')
    const heard = link.heard()
    expect(heard).toContain('q-error: QUORATE_INTERNAL\r\n')
    expect(heard).toContain('not this way')
    expect(door.log.records.map(({ event }) => event)).toEqual(['door.handler-failed'])
    expect(link.ended).toBe(false)
  })

  test('with a damaged header block get an error', () => {
    const link = new MemoryDoor({ api: echo }).client()
    link.say('SUB inbox 1\r\nHPUB $Q.1.list inbox 7 7\r\ngarbage\r\n')
    expect(link.heard()).toContain('q-error: QUORATE_INVALID_REQUEST\r\n')
  })

  test('are answered once, however often the handler responds', () => {
    const api = (request: ApiRequest): void => {
      request.respond(jsonReply('first'))
      request.respond(jsonReply('second'))
    }
    const door = new MemoryDoor({ api })
    const link = door.client()
    link.say('SUB inbox 1\r\nPUB $Q.1.list inbox 0\r\n\r\n')
    expect(link.heard()).toBe('MSG inbox 1 7\r\n"first"\r\n')
    expect(door.door.requestsInWork.count).toBe(0)
  })

  test('in work are bounded: reading stops per client, and all together are refused', () => {
    const pending: ApiRequest[] = []
    const door = new MemoryDoor({
      api: (request) => pending.push(request),
      limits: { requestBytesPerClientMax: 100, requestBytesMax: 150 },
    })
    const link = door.client()
    link.say(`SUB inbox 1\r\nPUB $Q.1.write inbox 120\r\n${'x'.repeat(120)}\r\n`)
    expect(link.paused).toBe(true)
    const other = door.client()
    other.say(`SUB inbox.2 1\r\nPUB $Q.1.write inbox.2 50\r\n${'x'.repeat(50)}\r\n`)
    expect(other.heard()).toContain('q-error: QUORATE_OVERLOADED\r\n')
    expect(pending).toHaveLength(1)
    pending[0]!.respond(jsonReply({}))
    expect(link.paused).toBe(false)
    expect(door.door.requestsInWork).toEqual({ count: 0, bytes: 0 })
  })

  test('can be answered after their connection is gone, to nobody’s harm', () => {
    const pending: ApiRequest[] = []
    const door = new MemoryDoor({ api: (request) => pending.push(request) })
    const link = door.client()
    link.say('SUB inbox 1\r\nPUB $Q.1.list inbox 0\r\n\r\n')
    link.hangUp()
    pending[0]!.respond(jsonReply({}))
    expect(link.heard()).toBe('')
    expect(door.router.counts.withoutInterest).toBe(1)
  })

  test('cannot be used to publish on a reserved subject by way of the reply', () => {
    const link = new MemoryDoor({ api: echo }).client()
    link.say('PUB $Q.1.list $Q.1.event.leaders 0\r\n\r\n')
    expect(link.heard()).toBe(
      `-ERR 'Permissions Violation for Publish to "$Q.1.event.leaders"'\r\n`,
    )
  })
})

describe('events', () => {
  test('reach the subscribers of this node and nobody who subscribed to everything', () => {
    const sent: string[] = []
    const door = new MemoryDoor({ transport: { send: (node) => sent.push(node) } })
    door.router.peerUp('n2')
    const before = sent.length
    const link = door.client()
    link.say('SUB $Q.1.event.leaders 1\r\n')
    expect(sent).toHaveLength(before)
    link.say('SUB > 2\r\n')
    door.door.pushEvent('$Q.1.event.leaders', { term: 3 })
    expect(link.heard()).toBe('MSG $Q.1.event.leaders 1 10\r\n{"term":3}\r\n')
    link.say('UNSUB 1\r\n')
    door.door.pushEvent('$Q.1.event.leaders', { term: 4 })
    expect(link.heard()).toBe('')
  })
})
