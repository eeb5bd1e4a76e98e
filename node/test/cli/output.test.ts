import { describe, expect, test } from 'vitest'
import { formatRows, outputFormat, table } from '../../src/cli/output.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

const rows = [
  { topic: 'orders', commitIndex: 12, nodes: ['n1', 'n2'], up: true },
  { topic: 'p', commitIndex: undefined, nodes: [], up: false },
]

describe('output', () => {
  test('a table has a heading per field and its columns in line', () => {
    expect(table(rows)).toBe(
      [
        'TOPIC   COMMIT-INDEX  NODES  UP',
        'orders  12            n1,n2  yes',
        'p       -             -      no',
      ].join('\n'),
    )
  })

  test('a table of nothing prints nothing, JSON of nothing is still JSON', () => {
    expect(formatRows('table', [], [])).toBe('')
    expect(formatRows('json', [], [])).toBe('[]\n')
    expect(formatRows('jsonl', [], [])).toBe('')
  })

  test('json is one document, which may hold more than the rows', () => {
    const whole = { topic: 'orders', replicas: rows }
    expect(JSON.parse(formatRows('json', rows, whole))).toEqual(JSON.parse(JSON.stringify(whole)))
  })

  test('jsonl is one object per line', () => {
    const lines = formatRows('jsonl', rows, undefined).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).topic)).toEqual(['orders', 'p'])
  })

  test('a format the command does not have is a usage error that lists those it has', () => {
    expect(outputFormat('raw', ['raw', 'jsonl'])).toBe('raw')
    expect(() => outputFormat('table', ['raw', 'jsonl'])).toThrow(UsageError)
    expect(() => outputFormat('table', ['raw', 'jsonl'])).toThrow('-o is raw, jsonl, not table')
  })
})
