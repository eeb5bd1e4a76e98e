import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Mailbox } from '../src/mailbox.ts'

describe('mailbox', () => {
  test('is full at exactly its capacity, whatever is behind the ring counts too', () => {
    const mailbox = new Mailbox(3)
    mailbox.push(1)
    mailbox.pushLater(2)
    expect(mailbox.full).toBe(false)
    mailbox.push(3)
    expect([mailbox.full, mailbox.waiting, mailbox.size]).toEqual([true, 3, 2])
    mailbox.bringIn()
    expect([mailbox.shift(), mailbox.shift(), mailbox.shift()]).toEqual([1, 3, 2])
    expect([mailbox.full, mailbox.waiting]).toEqual([false, 0])
  })

  test('behaves as two lists under any sequence of operations', () => {
    const operation = fc.constantFrom('push', 'push', 'push', 'later', 'bringIn', 'shift', 'shift')
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
        const mailbox = new Mailbox(40)
        const model: number[] = []
        const later: number[] = []
        operations.forEach((kind, i) => {
          if (kind === 'push') {
            mailbox.push(i)
            model.push(i)
          } else if (kind === 'later') {
            mailbox.pushLater(i)
            later.push(i)
          } else if (kind === 'bringIn') {
            mailbox.bringIn()
            model.push(...later.splice(0))
          } else if (model.length > 0) expect(mailbox.shift()).toBe(model.shift())
          expect(mailbox.size).toBe(model.length)
          expect(mailbox.full).toBe(model.length + later.length >= 40)
        })
      }),
      { numRuns: 200 },
    )
  })

  test('gives a large ring back once it is drained, and works on', () => {
    const mailbox = new Mailbox(10_000)
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 10_000; i += 1) mailbox.push(i)
      for (let i = 0; i < 10_000; i += 1) expect(mailbox.shift()).toBe(i)
    }
    expect(mailbox.size).toBe(0)
  })
})
