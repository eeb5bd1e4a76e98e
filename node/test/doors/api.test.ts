import { chunksOf, emptyChunks, errorTable, joinChunks, QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { type ApiReply, type ApiRequest, errorReply, serveApi } from '../../src/doors/api.ts'

const call = { headers: undefined, payload: emptyChunks, origin: 'peer' } as const

function bodyOf(reply: ApiReply): unknown {
  return JSON.parse(new TextDecoder().decode(joinChunks(reply.payload)))
}

describe('serving an API call', () => {
  test('passes subject, verb, topic, origin and payload to the handler', () => {
    const seen: ApiRequest[] = []
    const payload = chunksOf(Uint8Array.of(1))
    const subject = '$Q.1.create.orders.eu'
    serveApi(
      { ...call, subject, payload, deadlineMs: 7 },
      (request) => seen.push(request),
      () => {},
      () => {},
    )
    expect(seen[0]).toMatchObject({ subject, verb: 'create', topic: 'orders.eu', deadlineMs: 7 })
    expect(seen[0]).toMatchObject({ origin: 'peer', payload })
  })

  test('answers with what a thrown QuorateError says, and does not report it as a defect', () => {
    const replies: ApiReply[] = []
    const failures: unknown[] = []
    serveApi(
      { ...call, subject: '$Q.1.list' },
      () => {
        throw new QuorateError('QUORATE_NO_LEADER')
      },
      (reply) => replies.push(reply),
      (error) => failures.push(error),
    )
    expect(replies.map((reply) => reply.headers)).toEqual([{ 'q-error': 'QUORATE_NO_LEADER' }])
    expect(failures).toEqual([])
  })

  test('keeps the first answer of a handler that responds and then throws', () => {
    const replies: ApiReply[] = []
    const failures: unknown[] = []
    serveApi(
      { ...call, subject: '$Q.1.list' },
      (request) => {
        request.respond({ payload: emptyChunks })
        throw new Error('late')
      },
      (reply) => replies.push(reply),
      (error) => failures.push(error),
    )
    expect(replies).toEqual([{ payload: emptyChunks }])
    expect(failures).toEqual([new Error('late')])
  })
})

test('every error of the table is answered with its code, text, retriability and outcome', () => {
  for (const { code, message, retriable, outcome } of errorTable) {
    const reply = errorReply(new QuorateError(code as never))
    expect(reply.headers).toEqual({ 'q-error': code })
    expect(bodyOf(reply)).toEqual({ error: { code, message, retriable, outcome } })
  }
})
