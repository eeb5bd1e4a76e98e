// Runs a NatsParser over bytes and writes down what it says, as plain data that can be compared.
import type { NatsDelivery, NatsMessage } from '../src/index.ts'
import { joinChunks, NatsParser } from '../src/index.ts'

export type Event = readonly [name: string, ...values: unknown[]]

export const limits = { maxPayloadBytes: 1000, maxControlLineBytes: 100 }

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

function message(each: NatsMessage | NatsDelivery): object {
  const { payload, headers, ...rest } = each
  return {
    ...rest,
    ...(headers === undefined ? {} : { headers: text(headers) }),
    payload: text(joinChunks(payload)),
  }
}

export function parserOf(role: 'server' | 'client', events: Event[]): NatsParser {
  const note =
    (name: string) =>
    (...values: unknown[]): void => {
      events.push([name, ...values])
    }
  const both = {
    ping: note('ping'),
    pong: note('pong'),
    protocolError: note('protocolError'),
  }
  if (role === 'server') {
    return new NatsParser(
      'server',
      {
        ...both,
        connect: note('connect'),
        pub: (each) => events.push(['pub', message(each)]),
        sub: note('sub'),
        unsub: note('unsub'),
      },
      limits,
    )
  }
  return new NatsParser(
    'client',
    {
      ...both,
      info: note('info'),
      msg: (each) => events.push(['msg', message(each)]),
      ok: note('ok'),
      error: note('error'),
    },
    limits,
  )
}

/** Pushes the pieces one after the other; a string is taken as one piece of latin-1. */
export function eventsOf(
  role: 'server' | 'client',
  pieces: string | readonly Uint8Array[],
): Event[] {
  const events: Event[] = []
  const parser = parserOf(role, events)
  const list = typeof pieces === 'string' ? [new Uint8Array(Buffer.from(pieces, 'latin1'))] : pieces
  for (const piece of list) parser.push(piece)
  return events
}
