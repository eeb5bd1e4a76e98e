// Waiting for the cluster to have carried something out: asks again and again, says on a terminal
// how far it is, and ends with an error when it takes too long. What is asked is small and changes
// nothing, so an answer that does not come is asked for again.
import { setTimeout as sleep } from 'node:timers/promises'
import { QuorateError } from '@quorate/protocol'
import { durationMs } from './arguments.ts'

export interface WaitOptions {
  /** Commander's way of saying --no-wait. */
  readonly wait: boolean
  readonly timeout: string
}

/** What is left to be done in words; undefined when nothing is. */
export type Remaining = () => Promise<string | undefined>

const pollMs = 500

export async function waitUntilDone(
  { timeout }: Pick<WaitOptions, 'timeout'>,
  remaining: Remaining,
  terminal: NodeJS.WritableStream | undefined = process.stderr.isTTY ? process.stderr : undefined,
): Promise<void> {
  const untilMs = performance.now() + durationMs('--timeout', timeout)
  let said = ''
  for (;;) {
    const left = await ask(remaining, said)
    if (left !== said) {
      terminal?.write(left === undefined ? '\r\u001b[K' : `\r\u001b[K${left}`)
      said = left ?? ''
    }
    if (left === undefined) return
    if (performance.now() >= untilMs) {
      terminal?.write('\n')
      throw new QuorateError('QUORATE_TIMEOUT', `${left}; it goes on without this command`)
    }
    await sleep(pollMs)
  }
}

async function ask(remaining: Remaining, before: string): Promise<string | undefined> {
  try {
    return await remaining()
  } catch (error) {
    if (error instanceof QuorateError && error.retriable) return before || error.message
    throw error
  }
}
