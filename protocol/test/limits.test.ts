import { describe, expect, test } from 'vitest'
import {
  apiSubject,
  chunksOf,
  encodeFetchReply,
  encodeWriteRequest,
  maxBatchBytes,
  maxControlLineBytes,
  maxPayloadBytes,
  maxTopicNameLength,
} from '../src/index.ts'

describe('the limits fit each other', () => {
  test('a largest batch fits one message both ways, with room for frame headers', () => {
    const batch = chunksOf(new Uint8Array(maxBatchBytes))
    const request = encodeWriteRequest([{ topicId: 1, partition: 0, batch }])
    const leader = { node: 'n'.repeat(32), address: 'a'.repeat(255), term: 1 }
    const detail = 'x'.repeat(2000)
    const base = { highWatermark: 1, logStartOffset: 0, leader, detail }
    const reply = encodeFetchReply({ ...base, error: 'QUORATE_NOT_LEADER', batches: batch })
    for (const message of [request, reply]) {
      expect(message.byteLength).toBeLessThanOrEqual(maxPayloadBytes - 32 * 1024)
    }
  })

  test('the longest topic name fits a control line with subject, reply and sizes', () => {
    const subject = apiSubject('describe', 'x'.repeat(maxTopicNameLength))
    const line = `HPUB ${subject} ${'_INBOX.'.padEnd(200, 'x')} 999999999 999999999`
    expect(line.length).toBeLessThanOrEqual(maxControlLineBytes)
  })
})
