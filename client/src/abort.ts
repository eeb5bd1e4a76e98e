// From callbacks to a promise that an AbortSignal can end.

/**
 * Runs `start`, which returns the function that gives the work up. An aborted signal rejects with
 * its reason; without a signal the work runs to its end.
 */
export function abortable<Result>(
  signal: AbortSignal | undefined,
  start: (resolve: (result: Result) => void, reject: (error: unknown) => void) => () => void,
): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    if (signal === undefined) {
      start(resolve, reject)
      return
    }
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      giveUp()
      reject(signal.reason)
    }
    const settle =
      <Value>(finish: (value: Value) => void) =>
      (value: Value) => {
        signal.removeEventListener('abort', onAbort)
        finish(value)
      }
    const giveUp = start(settle(resolve), settle(reject))
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
