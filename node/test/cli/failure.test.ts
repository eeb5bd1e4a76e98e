import { errorTable, QuorateError } from '@quorate/protocol'
import { describe, expect, test } from 'vitest'
import { describeFailure } from '../../src/cli/failure.ts'
import { nextSteps } from '../../src/cli/next-steps.ts'
import { UsageError } from '../../src/cli/usage-error.ts'

const quiet = { command: 'quorate topic ls', verbose: false }

describe('a failure', () => {
  test.each(errorTable.map(({ code }) => [code] as const))(
    '%s is told with its code, what happened and what to do next',
    (code) => {
      const { text } = describeFailure(new QuorateError(code, 'the detail'), quiet)
      const [first, second, rest] = text.split('\n')
      expect(first).toBe(`${code}: ${new QuorateError(code, 'the detail').message}`)
      expect(second).toMatch(/^next: \S/)
      expect(rest).toBe('')
      expect(nextSteps[code]).not.toMatch(/[.!]$/)
    },
  )

  test('of the user’s making ends with 2 and names the help of the command', () => {
    const context = { ...quiet, command: 'quorate topic create' }
    for (const error of [
      new UsageError('--replicas is wrong'),
      new QuorateError('QUORATE_INVALID_ARGUMENT', '--replicas is wrong'),
      new QuorateError('QUORATE_INVALID_TOPIC', '"a..b"'),
    ]) {
      const { text, exitCode } = describeFailure(error, context)
      expect(exitCode).toBe(2)
      expect(text).toContain('\nnext: quorate topic create --help\n')
    }
    const { text } = describeFailure(new UsageError('--replicas is wrong'), context)
    expect(text).toMatch(/^QUORATE_INVALID_ARGUMENT: --replicas is wrong\n/)
  })

  test('of the cluster ends with 1', () => {
    expect(describeFailure(new QuorateError('QUORATE_NO_LEADER'), quiet).exitCode).toBe(1)
    expect(describeFailure(new Error('surprise'), quiet).exitCode).toBe(1)
    expect(describeFailure('a text', quiet).exitCode).toBe(1)
  })

  test('names the topic in the next command', () => {
    const error = new QuorateError('QUORATE_TOPIC_EXISTS', 'orders')
    expect(describeFailure(error, { ...quiet, topic: 'orders' }).text).toContain(
      'next: quorate topic describe orders\n',
    )
    expect(describeFailure(error, quiet).text).toContain('next: quorate topic describe TOPIC\n')
  })

  test('tells the system’s own words, once', () => {
    const cause = new Error("ENOENT: no such file or directory, open 'plan.json'")
    const error = new QuorateError('QUORATE_INVALID_ARGUMENT', '--plan plan.json', { cause })
    expect(describeFailure(error, quiet).text).toContain(`\ncause: ${cause.message}\n`)
    const repeated = new QuorateError('QUORATE_STORAGE_FAILED', cause.message, { cause })
    expect(describeFailure(repeated, quiet).text).not.toContain('cause:')
  })

  test('shows its stack only when that is asked for', () => {
    const error = new Error('surprise')
    expect(describeFailure(error, quiet).text).not.toContain('failure.test.ts')
    expect(describeFailure(error, quiet).text).toMatch(
      /^QUORATE_INTERNAL: surprise\nnext: .*--verbose/,
    )
    expect(describeFailure(error, { ...quiet, verbose: true }).text).toContain('failure.test.ts')
  })
})
