// Processes this process has started or was told of. Whatever way it ends, they end with it, by
// their ids: a test that fails, or is ended in the middle, leaves nothing running.
import { constants } from 'node:os'

const owned = new Set<number>()

process.on('exit', () => {
  for (const pid of owned) signalProcess(pid, 'SIGKILL')
})

export function ownProcess(pid: number): void {
  if (owned.size === 0) exitOnSignals()
  owned.add(pid)
}

export function disownProcess(pid: number): void {
  owned.delete(pid)
}

/** False when there is no such process. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

export function isRunning(pid: number): boolean {
  return signalProcess(pid, 0)
}

/** A signal alone would end this process without its `exit`. */
function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    if (process.listenerCount(signal) > 0) continue
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
}
