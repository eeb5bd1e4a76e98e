// The event log as JSON lines on a file descriptor, written by pino. The only file that knows pino.
import { type DestinationStream, destination, pino, stdSerializers } from 'pino'
import type { EventLog, LogFields } from './log.ts'

export interface PinoLogOptions {
  /** Fields of every record, e.g. `{ node: 'n1' }`. */
  readonly base: LogFields
  /** Least level written. Default `'info'`. */
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** Where lines go. Default: standard error, synchronously, so that the last line before an exit is seen. */
  readonly stream?: DestinationStream
}

export function pinoLog(options: PinoLogOptions): EventLog {
  const logger = pino(
    {
      base: options.base,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err },
    },
    options.stream ?? destination({ dest: 2, sync: true }),
  )
  return {
    info: (event, fields) => logger.info({ event, ...fields }),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
  }
}
