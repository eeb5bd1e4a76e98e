// What happened, for people and their tools: one record per event, with an event name that never
// changes (`door.slow-consumer`) and fields. Knows nothing of how records are written: log-node.ts
// writes JSON lines with pino, a recording log keeps them for tests.

export type LogFields = Readonly<Record<string, unknown>>

export interface EventLog {
  /** `event`: lower-case words, area first, e.g. `wal.tail-dropped`; listed in the docs. */
  info(event: string, fields?: LogFields): void
  /** Something a person should look at some day. */
  warn(event: string, fields?: LogFields): void
  /** Something does not work now. An `error` field is written with its code, text and stack. */
  error(event: string, fields?: LogFields): void
}

export interface LogRecord {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: LogFields
}

export const silentLog: EventLog = {
  info: () => {},
  warn: () => {},
  error: () => {},
}

/** Keeps what is logged, in order. */
export function recordingLog(): EventLog & { readonly records: readonly LogRecord[] } {
  const records: LogRecord[] = []
  const keep =
    (level: LogRecord['level']) =>
    (event: string, fields: LogFields = {}): void => {
      records.push({ level, event, fields })
    }
  return { records, info: keep('info'), warn: keep('warn'), error: keep('error') }
}
