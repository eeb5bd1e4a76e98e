// How commands print: a table for people, JSON for programs. Data go to standard output and nothing
// else does. Whoever reads it may stop early (`quorate consume orders | head`): then the command
// ends without a word.
import { UsageError } from './usage-error.ts'

export type OutputFormat = 'table' | 'json' | 'jsonl' | 'raw'
export type Row = Readonly<Record<string, unknown>>

export function outputFormat<Format extends OutputFormat>(
  value: string,
  allowed: readonly Format[],
): Format {
  const format = allowed.find((each) => each === value)
  if (format === undefined) throw new UsageError(`-o is ${allowed.join(', ')}, not ${value}`)
  return format
}

/** Columns in the order of the first row's fields, which are the headings. */
export function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => names.map((name) => cell(row[name])))
  const widths = names.map((name, column) =>
    cells.reduce((width, texts) => Math.max(width, texts[column]!.length), heading(name).length),
  )
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [line(names.map(heading)), ...cells.map(line)].join('\n')
}

/** Rows as the format asks: a table, one JSON document (`whole`), or one JSON line per row. */
export function formatRows(format: OutputFormat, rows: readonly Row[], whole: unknown): string {
  if (format === 'json') return `${JSON.stringify(whole, null, 2)}\n`
  if (format === 'jsonl') return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  return rows.length === 0 ? '' : `${table(rows)}\n`
}

export function printRows(format: OutputFormat, rows: readonly Row[], whole: unknown = rows): void {
  process.stdout.write(formatRows(format, rows, whole))
}

/** `commitIndex` becomes `COMMIT-INDEX`: no spaces, so that columns can be cut by them. */
function heading(name: string): string {
  return name.replaceAll(/[A-Z]/g, '-$&').toUpperCase()
}

function cell(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

const outputBytes = 64 * 1024
const outputDelayMs = 5

/**
 * Gathers small pieces into few writes. A piece leaves after `outputDelayMs` at the latest; `add`
 * gives a promise when whoever reads standard output is slower than what is printed.
 */
export class Output {
  #pieces: Uint8Array[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #drained: Promise<void> | undefined

  add(piece: Uint8Array): Promise<void> | undefined {
    this.#pieces.push(piece)
    this.#bytes += piece.byteLength
    if (this.#bytes >= outputBytes) return this.flush()
    this.#timer ??= setTimeout(() => void this.flush(), outputDelayMs)
    return undefined
  }

  flush(): Promise<void> | undefined {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#bytes === 0) return undefined
    const text = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    if (process.stdout.write(text)) return undefined
    // One for all who wait: a trace is printed by a run that cannot wait at all.
    this.#drained ??= new Promise((resolve) => {
      process.stdout.once('drain', () => {
        this.#drained = undefined
        resolve()
      })
    })
    return this.#drained
  }
}

let exitCodeWithoutReader = 0

/** Call before anything is printed. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exitCodeWithoutReader)
      if (stream === process.stdout) {
        const code = error.code === 'ENOSPC' ? 'QUORATE_DISK_FULL' : 'QUORATE_INTERNAL'
        const next = 'next: send the output somewhere else\n'
        process.stderr.write(`${code}: standard output: ${error.message}\n${next}`)
      }
      process.exit(1)
    })
  }
}

/** A command that does more than print is not done when its reader goes. */
export function failWithoutReader(): void {
  exitCodeWithoutReader = 1
}
