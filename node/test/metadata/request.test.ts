import { QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { decodeCommand, encodeCommand } from '../../src/metadata/commands.ts'
import {
  type CreateTopicRequest,
  commandFor,
  parseMetadataRequest,
} from '../../src/metadata/metadata-request.ts'
import { defaultSegmentBytes, topicConfig } from '../../src/metadata/topic-config.ts'
import { MetadataBuilder } from './metadata-builder.ts'

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof QuorateError ? error.code : `not a QuorateError: ${error}`
  }
}

const create: CreateTopicRequest = {
  kind: 'create-topic',
  requestId: 'n1/1',
  name: 'orders',
  partitions: 2,
  replicas: 3,
  config: { retentionMs: 60_000 },
}

describe('a command', () => {
  test('carries the whole decision: placement, ids and every option', () => {
    const { machine } = new MetadataBuilder()
    expect(commandFor(create, machine)).toEqual({
      kind: 'create-topic',
      requestId: 'n1/1',
      name: 'orders',
      replicas: 3,
      config: {
        retentionMs: 60_000,
        retentionBytes: -1,
        segmentBytes: defaultSegmentBytes,
        segmentMs: 15_000,
      },
      placement: [
        [
          { nodeId: 'n1', replicaId: 1001 },
          { nodeId: 'n2', replicaId: 1002 },
          { nodeId: 'n3', replicaId: 1003 },
        ],
        [
          { nodeId: 'n2', replicaId: 1004 },
          { nodeId: 'n3', replicaId: 1005 },
          { nodeId: 'n1', replicaId: 1006 },
        ],
      ],
    })
  })

  test('comes back from its bytes as it was', () => {
    const { machine } = new MetadataBuilder()
    const command = commandFor(create, machine)
    expect(decodeCommand(encodeCommand(command))).toEqual(command)
  })

  test('that no replica could decode is not encoded', () => {
    const drop = { kind: 'confirm-drop', requestId: 'n1/1', nodeId: 'n 1', topicId: 1 } as const
    expect(codeOf(() => encodeCommand(drop))).toBe('QUORATE_INVALID_ARGUMENT')
    expect(codeOf(() => encodeCommand({ ...drop, nodeId: 'n1', requestId: 'x'.repeat(129) }))).toBe(
      'QUORATE_INVALID_ARGUMENT',
    )
  })

  test('puts replicas on nodes that are up as long as they suffice', () => {
    const { machine } = new MetadataBuilder(5)
    const isUp = (nodeId: string) => nodeId !== 'n1' && nodeId !== 'n4'
    const nodesUsed = (replicas: number) => {
      const command = commandFor({ ...create, replicas, partitions: 5 }, machine, isUp)
      if (command.kind !== 'create-topic') throw new Error('another command')
      return [...new Set(command.placement.flat().map(({ nodeId }) => nodeId))].sort()
    }
    expect(nodesUsed(3)).toEqual(['n2', 'n3', 'n5'])
    expect(nodesUsed(5)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5'])
  })
})

describe('a request that can never be granted is refused before it is proposed', () => {
  const { machine } = new MetadataBuilder()
  test.each([
    ['QUORATE_INVALID_TOPIC', { name: 'a..b' }],
    ['QUORATE_INVALID_TOPIC', { name: '$dlq.x' }],
    ['QUORATE_INVALID_ARGUMENT', { partitions: 0 }],
    ['QUORATE_INVALID_ARGUMENT', { partitions: 100_000 }],
    ['QUORATE_INVALID_ARGUMENT', { replicas: 0 }],
    ['QUORATE_INVALID_ARGUMENT', { replicas: 1.5 }],
    ['QUORATE_INVALID_ARGUMENT', { config: { retentionMs: 0 } }],
    ['QUORATE_INVALID_ARGUMENT', { config: { segmentBytes: 2e6, retentionBytes: 1e6 } }],
    ['QUORATE_NOT_ENOUGH_NODES', { replicas: 4 }],
  ])('%s: %j', (code, change) => {
    expect(codeOf(() => commandFor({ ...create, ...change }, machine))).toBe(code)
  })
})

describe('a request of a peer', () => {
  test('is taken as it is when it is one', () => {
    const wire = JSON.parse(JSON.stringify(create))
    expect(parseMetadataRequest(wire)).toEqual(create)
  })

  test.each([
    null,
    {},
    [],
    'x',
    { ...create, kind: 'drop-all' },
    { ...create, partitions: '6' },
    { ...create, extra: 1 },
    { ...create, requestId: '' },
  ])('that is none is refused: %j', (value) => {
    expect(codeOf(() => parseMetadataRequest(value))).toBe('QUORATE_INVALID_REQUEST')
  })
})

describe('topic options', () => {
  test('default to seven days, no bound by size, and segments of at most a quarter of what is kept', () => {
    expect(topicConfig({})).toEqual({
      retentionMs: 604_800_000,
      retentionBytes: -1,
      segmentBytes: 67_108_864,
      segmentMs: 86_400_000,
    })
    expect(topicConfig({ retentionBytes: 1_000_000 }).segmentBytes).toBe(250_000)
    expect(topicConfig({ retentionMs: 4000 }).segmentMs).toBe(1000)
    expect(topicConfig({ retentionMs: -1 }).segmentMs).toBe(86_400_000)
  })

  test('are within their ranges at every end that can be derived', () => {
    for (const retentionBytes of [65_536, 100_000, 2 ** 50]) topicConfig({ retentionBytes })
    for (const retentionMs of [1000, 1001, 315_360_000_000]) topicConfig({ retentionMs })
    expect(codeOf(() => topicConfig({ retentionBytes: 65_535 }))).toBe('QUORATE_INVALID_ARGUMENT')
    expect(codeOf(() => topicConfig({ segmentMs: -1 }))).toBe('QUORATE_INVALID_ARGUMENT')
    expect(codeOf(() => topicConfig({ retentionMs: Number.NaN }))).toBe('QUORATE_INVALID_ARGUMENT')
  })
})
