import { QuorateError } from '@quorate/protocol'
import { expect, test } from 'vitest'
import { recordingLog } from '../../src/observe/log.ts'
import { pinoLog } from '../../src/observe/log-node.ts'

test('the log writes one JSON line per event with its name, node, level and fields', () => {
  const lines: string[] = []
  const log = pinoLog({ base: { node: 'n1' }, stream: { write: (line) => lines.push(line) } })
  log.info('door.opened', { address: '127.0.0.1:4222' })
  log.warn('door.slow-consumer')
  log.error('door.connection-failed', { error: new QuorateError('QUORATE_INTERNAL', 'why') })
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(records).toMatchObject([
    { level: 'info', node: 'n1', event: 'door.opened', address: '127.0.0.1:4222' },
    { level: 'warn', event: 'door.slow-consumer' },
    {
      level: 'error',
      event: 'door.connection-failed',
      error: { code: 'QUORATE_INTERNAL', message: expect.stringContaining('why') },
    },
  ])
  expect(lines.every((line) => line.endsWith('\n'))).toBe(true)
})

test('the log leaves out what is below its level', () => {
  const lines: string[] = []
  const log = pinoLog({ base: {}, level: 'warn', stream: { write: (line) => lines.push(line) } })
  log.info('a.b')
  log.warn('c.d')
  expect(lines).toHaveLength(1)
})

test('the recording log keeps events in order', () => {
  const log = recordingLog()
  log.info('a.b', { x: 1 })
  log.error('c.d')
  expect(log.records).toEqual([
    { level: 'info', event: 'a.b', fields: { x: 1 } },
    { level: 'error', event: 'c.d', fields: {} },
  ])
})
