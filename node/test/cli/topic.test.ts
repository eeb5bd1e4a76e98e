import { describe, expect, test } from 'vitest'
import { createSettings } from '../../src/cli/topic.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

describe('settings of a new topic', () => {
  test('are only what was said: the cluster knows the defaults', () => {
    expect(createSettings({})).toEqual({})
  })

  test('are read with their units', () => {
    const settings = createSettings({
      partitions: '12',
      replicas: '3',
      retention: '30d',
      retentionBytes: '10GiB',
      segmentBytes: '1MiB',
    })
    expect(settings).toEqual({
      partitions: 12,
      replicas: 3,
      retention: 2_592_000_000,
      retentionBytes: 10_737_418_240,
      segmentBytes: 1_048_576,
    })
  })

  test('can keep records for ever', () => {
    const settings = { retention: 'unlimited', retentionBytes: 'unlimited' }
    expect(createSettings(settings)).toEqual(settings)
  })

  test.each([
    { partitions: '0' },
    { partitions: '1025' },
    { replicas: '6' },
    { retention: '-1' },
    { retentionBytes: '10GB' },
    { segmentBytes: 'unlimited' },
  ])('%j is a usage error', (settings) => {
    expect(() => createSettings(settings)).toThrow(UsageError)
  })
})
