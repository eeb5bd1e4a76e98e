// Ctrl-C for commands that have something to finish: the first one asks for the end, a later one ends
// the process at once.

/** npm hands a signal of the terminal on to a process that has got it already. */
const sameSignalMs = 500

/** Aborts with the first SIGINT or SIGTERM. */
export function chaosInterruption(): AbortSignal {
  const controller = new AbortController()
  let firstMs = Number.NaN
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (Number.isNaN(firstMs)) {
        firstMs = performance.now()
        controller.abort(new Error(`interrupted by ${name}`))
      } else if (performance.now() - firstMs > sameSignalMs) process.exit(1)
    })
  }
  return controller.signal
}
