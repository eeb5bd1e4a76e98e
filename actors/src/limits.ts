// Every bound of the actor runtime in one place, with unit and range in the comment. Values a
// caller may choose are checked here, once, when an actor is spawned; nothing else validates them.
import type { SpawnOptions } from './actor.ts'

/** Messages a mailbox holds when the spawner names no capacity. */
export const defaultCapacity = 10_000
/** Largest capacity a spawner may ask for. */
export const maxCapacity = 1_000_000
/** Messages one actor may take before the next ready actor has its slot. */
export const slotMessages = 64
/** Messages one turn may deliver before input and output get their chance again. */
export const defaultTurnMessages = 4_096
/** Milliseconds after which a turn ends, whatever is left of its messages. */
export const defaultTurnMs = 10
/** Pause before the first restart, in milliseconds. */
export const defaultRestartDelayMs = 100
/** Longest pause before a restart, and the failure-free time after which the pause is short again. */
export const defaultRestartDelayMaxMs = 10_000
/** Longest delay handed to the host in one piece: above 2^31 - 1 ms real timers fire at once. */
export const maxHostDelayMs = 2_147_483_647

/** Supervision and capacity with defaults filled in. */
export interface ActorSettings {
  readonly capacity: number
  readonly onFailure: 'restart' | 'stop' | 'escalate'
  readonly restartDelayMs: number
  readonly restartDelayMaxMs: number
}

/** Throws on a value out of range: a wrong option is a mistake in the program, not in its input. */
export function settingsOf(options: SpawnOptions): ActorSettings {
  const restartDelayMs = options.restartDelayMs ?? defaultRestartDelayMs
  const settings: ActorSettings = {
    capacity: options.capacity ?? defaultCapacity,
    onFailure: options.onFailure ?? 'restart',
    restartDelayMs,
    restartDelayMaxMs:
      options.restartDelayMaxMs ?? Math.max(defaultRestartDelayMaxMs, restartDelayMs),
  }
  requireInteger('capacity', settings.capacity, 1, maxCapacity)
  requireInteger('restartDelayMs', settings.restartDelayMs, 0, maxHostDelayMs)
  requireInteger('restartDelayMaxMs', settings.restartDelayMaxMs, restartDelayMs, maxHostDelayMs)
  return settings
}

export function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`)
}
