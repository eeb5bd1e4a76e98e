// The only place of the process tests where anything is polled: everything else waits for a
// condition through this. A condition that throws does not hold yet. When time is over the error
// says what was waited for, what the last attempt said, and how the cluster looks.

export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number
  /** Between two looks. Default 25. */
  readonly everyMs?: number
  /** How things stand, for the error. */
  readonly explain?: () => Promise<string> | string
}

type Falsy = undefined | null | false

/** Resolves with the first value of `condition` that is not undefined, null or false. */
export async function waitUntil<Value>(
  what: string,
  condition: () => Value | Falsy | Promise<Value | Falsy>,
  { timeoutMs = 10_000, everyMs = 25, explain }: WaitOptions = {},
): Promise<Value> {
  const startMs = performance.now()
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value !== undefined && value !== null && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    const waitedMs = Math.round(performance.now() - startMs)
    if (waitedMs > timeoutMs) {
      const details = [`after ${waitedMs} ms not yet: ${what}`, `last: ${String(last)}`]
      if (explain !== undefined) details.push(await explanation(explain))
      throw new Error(details.join('\n'), { cause: last })
    }
    await pause(everyMs)
  }
}

async function explanation(explain: () => Promise<string> | string): Promise<string> {
  try {
    return await explain()
  } catch (error) {
    return `no explanation: ${String(error)}`
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
