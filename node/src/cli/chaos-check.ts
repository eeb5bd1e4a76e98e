// `quorate chaos check`: judges the history in a file and says what is wrong. Ends with 1 when something
// fatal is, with 2 when the file cannot be read or makes no sense. The judges: laboratory/history.
import { type Anomaly, isFatal } from '../laboratory/history/anomaly.ts'
import { type HistoryCounts, reportOnHistory } from '../laboratory/history/check-history.ts'
import { HistoryError, type HistoryHeader } from '../laboratory/history/event.ts'
import { readHistory } from '../laboratory/history/file-node.ts'
import { outputFormat, table } from './output.ts'
import { UsageError } from './usage-error.ts'

export interface HistoryReport {
  readonly source: string
  readonly seed?: number
  readonly counts: HistoryCounts
  readonly anomalies: readonly Anomaly[]
}

export function runCheck(file: string, options: { readonly output: string }): void {
  const format = outputFormat(options.output, ['table', 'json'])
  const report = reportOn(file)
  if (report.anomalies.some(isFatal)) process.exitCode = 1
  const text = format === 'json' ? JSON.stringify(report, null, 2) : reportLines(report).join('\n')
  process.stdout.write(`${text}\n`)
}

function reportOn(file: string): HistoryReport {
  try {
    const history = readHistory(file)
    return { ...origin(history.header), ...reportOnHistory(history) }
  } catch (error) {
    if (error instanceof HistoryError) throw new UsageError(`${file}: ${error.message}`)
    if (error instanceof Error && 'syscall' in error) throw new UsageError(error.message)
    throw error
  }
}

function origin({ source, seed }: HistoryHeader): {
  readonly source: string
  readonly seed?: number
} {
  return seed === undefined ? { source } : { source, seed }
}

export function reportLines({ source, seed, counts, anomalies }: HistoryReport): string[] {
  const { sends, acked, failed, unknown, read, ends, registerCalls } = counts
  const lines = [
    `source: ${source}${seed === undefined ? '' : `, seed ${seed}`}`,
    `sends: ${sends}, ${acked} acked, ${failed} failed, ${unknown} unknown`,
    `records read: ${read}`,
    `ends told: ${ends}`,
    `register calls: ${registerCalls}`,
  ]
  const rows = anomalies.map(({ name, severity, events, text }) => ({
    anomaly: name,
    severity,
    events,
    text,
  }))
  const verdict = anomalies.some(isFatal) ? 'PROMISES BROKEN' : 'no promise broken'
  return rows.length === 0 ? [...lines, verdict] : [...lines, '', table(rows), '', verdict]
}
