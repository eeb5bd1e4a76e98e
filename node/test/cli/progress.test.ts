import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { Progress, progressText } from '../../src/cli/progress.ts'

describe('progress', () => {
  test('shows a bar where the size is known, counts where not', () => {
    expect(progressText(10, 5, 50, 100)).toBe(
      '[###############...............]  50 % 10 acknowledged, 5/s',
    )
    expect(progressText(10, 5, 101, 100)).toMatch(/^\[#{30}\] 100 % /)
    expect(progressText(10, 5, 50, undefined)).toBe('10 acknowledged, 5/s')
    expect(progressText(0, 0, 0, 0)).toBe('0 acknowledged, 0/s')
  })

  test('ends with a line of its own that has the last count, and says nothing about nothing', () => {
    let text = ''
    const terminal = new Writable({
      write: (chunk, _encoding, done) => {
        text += String(chunk)
        done()
      },
    })
    new Progress(undefined, terminal).end()
    expect(text).toBe('')
    const progress = new Progress(undefined, terminal)
    progress.add(1)
    progress.add(1)
    progress.end()
    expect(text).toMatch(/\r2 acknowledged, \d+\/s \n$/)
  })
})
