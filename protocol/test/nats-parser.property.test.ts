import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinChunks, natsWriter } from '../src/index.ts'
import { bytes, cutAt, cuts, damage, damaged } from './arbitraries.ts'
import { type Event, eventsOf } from './nats-events.ts'

const name = fc.constantFrom('a', 'a.b', '$Q.1.produce.orders', '_INBOX.x', 'grüße', 'a.*', '>')
const optional = fc.option(name, { nil: undefined })
const sid = fc.nat({ max: 99 }).map(String)
const headers = fc.option(bytes(60), { nil: undefined })
const payload = fc.tuple(bytes(700), cuts).map(([whole, places]) => cutAt(whole, places))
const object = fc.constantFrom({}, { verbose: true }, { name: 'ü', n: 1 })
const latin1 = (input: Uint8Array): string => Buffer.from(input).toString('latin1')

/** One operation as the writer gives it, with the event the parser owes for it. */
interface Spoken {
  readonly bytes: Uint8Array
  readonly event: Event
}

const message = (
  subject: string,
  reply: string | undefined,
  block: Uint8Array | undefined,
  body: ReturnType<typeof cutAt>,
): object => ({
  subject,
  ...(reply === undefined ? {} : { reply }),
  ...(block === undefined ? {} : { headers: latin1(block) }),
  payload: latin1(joinChunks(body)),
})

const keepAlive: fc.Arbitrary<Spoken> = fc.constantFrom(
  { bytes: natsWriter.ping(), event: ['ping'] as const },
  { bytes: natsWriter.pong(), event: ['pong'] as const },
)

const toServer: fc.Arbitrary<Spoken> = fc.oneof(
  keepAlive,
  object.map((options) => ({
    bytes: natsWriter.connect(options),
    event: ['connect', options] as const,
  })),
  fc.tuple(name, optional, sid).map(([subject, queue, id]) => ({
    bytes: natsWriter.sub(subject, queue, id),
    event: ['sub', subject, queue, id] as const,
  })),
  fc.tuple(sid, fc.option(fc.nat({ max: 999 }), { nil: undefined })).map(([id, max]) => ({
    bytes: natsWriter.unsub(id, max),
    event: ['unsub', id, max] as const,
  })),
  fc.tuple(name, optional, headers, payload).map(([subject, reply, block, body]) => ({
    bytes: joinChunks(natsWriter.pub(subject, reply, block, body)),
    event: ['pub', message(subject, reply, block, body)] as const,
  })),
)

const toClient: fc.Arbitrary<Spoken> = fc.oneof(
  keepAlive,
  fc.constant({ bytes: natsWriter.ok(), event: ['ok'] as const }),
  object.map((info) => ({ bytes: natsWriter.info(info), event: ['info', info] as const })),
  fc.constantFrom('Slow Consumer', "it's\r\nover").map((text) => ({
    bytes: natsWriter.error(text),
    event: ['error', text.replace(/[\r\n']/g, ' ')] as const,
  })),
  fc.tuple(name, sid, optional, headers, payload).map(([subject, id, reply, block, body]) => ({
    bytes: joinChunks(natsWriter.msg(subject, id, reply, block, body)),
    event: ['msg', { ...message(subject, reply, block, body), sid: id }] as const,
  })),
)

const join = (spoken: readonly Spoken[]): Uint8Array =>
  new Uint8Array(Buffer.concat(spoken.map((each) => each.bytes)))

const singleBytes = (whole: Uint8Array): Uint8Array[] =>
  Array.from(whole, (byte) => Uint8Array.of(byte))

describe.each([
  ['server', toServer],
  ['client', toClient],
] as const)('the parser of a %s', (role, operation) => {
  test('reads back what the writer writes: whole, in single bytes and cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), cuts, (spoken, places) => {
        const whole = join(spoken)
        const events = spoken.map(({ event }) => event)
        expect(eventsOf(role, [whole])).toEqual(events)
        expect(eventsOf(role, singleBytes(whole))).toEqual(events)
        expect(eventsOf(role, cutAt(whole, places).pieces)).toEqual(events)
      }),
      { numRuns: 150 },
    )
  })

  test('says the same about damaged bytes however they are cut, and throws nothing', () => {
    const broken = fc
      .tuple(fc.array(operation, { maxLength: 6 }), damage)
      .map(([spoken, hurt]) => damaged(join(spoken), hurt))
    const lines = fc.uint8Array({ maxLength: 250, size: 'max' }).map((input) =>
      // Half of the random bytes become what control lines are made of.
      input.map((byte) => (byte < 128 ? 'PUBSH \r\n\t019aM+-'.charCodeAt(byte % 16) : byte)),
    )
    fc.assert(
      fc.property(fc.oneof(broken, lines, bytes(250)), cuts, (whole, places) => {
        const events = eventsOf(role, [whole])
        expect(eventsOf(role, singleBytes(whole))).toEqual(events)
        expect(eventsOf(role, cutAt(whole, places).pieces)).toEqual(events)
        const errors = events.filter(([event]) => event === 'protocolError')
        expect(errors.length).toBeLessThanOrEqual(1)
        if (errors.length === 1) expect(events.at(-1)).toBe(errors[0])
      }),
      { numRuns: 300 },
    )
  })

  test('does not care about the case of operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 4 }), (spoken) => {
        const lower = spoken.map(({ bytes: each, event }) => {
          const copy = each.slice()
          for (let at = 0; at < copy.length && copy[at] !== 0x20 && copy[at] !== 0x0d; at++) {
            if (copy[at]! >= 0x41 && copy[at]! <= 0x5a) copy[at]! |= 0x20
          }
          return { bytes: copy, event }
        })
        expect(eventsOf(role, [join(lower)])).toEqual(spoken.map(({ event }) => event))
      }),
      { numRuns: 60 },
    )
  })
})
