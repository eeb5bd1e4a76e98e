// Which lines of a trace are printed: options of `quorate chaos replay --trace`. What was violated is
// always printed, by whoever prints.
import { isTraceKind, type TraceKind, traceKinds } from '../laboratory/trace/trace-kinds.ts'
import type { TraceLine } from '../laboratory/trace/trace-line.ts'
import { optionalWholeNumber } from './arguments.ts'
import { UsageError } from './usage-error.ts'

export interface TraceFilterOptions {
  readonly trace?: boolean
  readonly only?: string
  readonly node?: string
  readonly from?: string
  readonly to?: string
}

export type TraceFilter = (line: TraceLine) => boolean

export function traceFilter(options: TraceFilterOptions): TraceFilter {
  const { trace, only, node, from, to } = options
  const named = [only, node, from, to].some((option) => option !== undefined)
  if (named && trace !== true) throw new UsageError('--only, --node, --from and --to need --trace')
  const kinds = only?.split(',').map(kindOf)
  const fromMs = optionalWholeNumber('--from', from, 0, Number.MAX_SAFE_INTEGER) ?? 0
  const toMs = optionalWholeNumber('--to', to, 0, Number.MAX_SAFE_INTEGER)
  return (line) => {
    if (kinds !== undefined && !kinds.includes(line.kind)) return false
    if (node !== undefined && !line.nodes.includes(node)) return false
    return line.ms >= fromMs && (toMs === undefined || line.ms <= toMs)
  }
}

function kindOf(text: string): TraceKind {
  if (isTraceKind(text)) return text
  throw new UsageError(`--only is of ${traceKinds.join(', ')}, not ${text}`)
}
