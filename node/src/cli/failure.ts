// What a person sees when a command fails: the code, what happened, what to do next. No stack unless
// asked for. Decides the exit code: 2 when the command was called wrongly, 1 for everything else.
import { type ErrorCode, QuorateError } from '@quorate/protocol'
import { nextSteps } from './next-steps.ts'
import { UsageError } from './usage-error.ts'

export interface FailureContext {
  /** The command as typed, e.g. `quorate topic create`. */
  readonly command: string
  /** The topic it is about, when it is about one. */
  readonly topic?: string | undefined
  /** Print the stack too. */
  readonly verbose: boolean
}

export interface Failure {
  readonly text: string
  readonly exitCode: 1 | 2
}

/** Codes that mean: called in another way it would have worked. */
const usageCodes: ReadonlySet<ErrorCode> = new Set([
  'QUORATE_INVALID_ARGUMENT',
  'QUORATE_INVALID_TOPIC',
])

export function describeFailure(error: unknown, context: FailureContext): Failure {
  const { code, message, next } = whatHappened(error, context.command)
  const lines = [`${code}: ${message}`]
  const cause = error instanceof QuorateError ? causeText(error.cause) : undefined
  if (cause !== undefined && !message.includes(cause)) lines.push(`cause: ${cause}`)
  lines.push(`next: ${next.replaceAll('TOPIC', context.topic ?? 'TOPIC')}`)
  if (context.verbose && error instanceof Error) lines.push(String(error.stack))
  const exitCode = error instanceof UsageError || usageCodes.has(code) ? 2 : 1
  return { text: `${lines.join('\n')}\n`, exitCode }
}

function whatHappened(
  error: unknown,
  command: string,
): { readonly code: ErrorCode; readonly message: string; readonly next: string } {
  const help = `${command} --help`
  if (error instanceof UsageError) {
    return { code: 'QUORATE_INVALID_ARGUMENT', message: error.message, next: help }
  }
  if (error instanceof QuorateError) {
    const next = usageCodes.has(error.code) ? help : nextSteps[error.code]
    return { code: error.code, message: error.message, next }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'QUORATE_INTERNAL', message, next: nextSteps.QUORATE_INTERNAL }
}

/** The system's own words, e.g. `ENOENT: no such file or directory, open 'plan.json'`. */
function causeText(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || cause instanceof QuorateError) return undefined
  return cause.message.split('\n')[0]
}
