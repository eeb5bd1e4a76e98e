// Finds functions and their lengths by braces. It relies on the formatter: the brace that opens a
// body is the last character of its line. Callbacks of `describe` only group tests and are left out.
import type { SourceFile } from './repository.ts'

export interface FunctionSize {
  readonly name: string
  /** From the line of the signature to that of the closing brace, both included. */
  readonly lines: number
  readonly line: number
}

const control = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'else', 'do', 'try'])

export function functionsOf({ masked: { code } }: SourceFile): FunctionSize[] {
  const lines = code.split('\n')
  const starts = lineStarts(lines)
  const found: FunctionSize[] = []
  for (const [index, line] of lines.entries()) {
    if (!line.trimEnd().endsWith('{')) continue
    const signature = signatureEnding(lines, index)
    if (signature === undefined || /^\s*describe\b/.test(lines[signature.line] ?? '')) continue
    const open = starts[index]! + line.trimEnd().length - 1
    const last = lineAt(starts, closingBrace(code, open))
    found.push({
      name: signature.name,
      lines: last - signature.line + 1,
      line: signature.line + 1,
    })
  }
  return found
}

/** The signature whose body opens at the end of this line; undefined for any other brace. */
function signatureEnding(
  lines: readonly string[],
  index: number,
): { name: string; line: number } | undefined {
  const last = lines[index]!.trimEnd()
  const arrow = /=>\s*\{$/.test(last)
  // A signature over several lines ends in a line that begins with its closing parenthesis.
  const first = /^\s*\)/.test(last) ? openingLine(lines, index) : index
  const text = lines
    .slice(first, index + 1)
    .join(' ')
    .trim()
  if (arrow) return { name: arrowName(text), line: first }
  const named = /^(?:export |default |async )*function\*?\s*([\w$]*)/.exec(text)
  if (named !== null) return { name: named[1] || 'anonymous', line: first }
  const method =
    /^(?:(?:public|private|protected|static|override|async|get|set) )*\*?([#\w$]+)(?:<.*>)?\(.*\)(?::.*)?\s*\{$/
  const found = method.exec(text)
  if (found === null || control.has(found[1]!)) return undefined
  return { name: found[1]!, line: first }
}

function arrowName(text: string): string {
  const named = /^(?:export )?(?:const|let)\s+([\w$]+)|^([\w$]+)\s*[:=(]/.exec(text)
  return named?.[1] ?? named?.[2] ?? 'anonymous'
}

/** The line of the parenthesis that the first one of this line closes. */
function openingLine(lines: readonly string[], index: number): number {
  let depth = 0
  for (let line = index; line >= 0; line -= 1) {
    const text =
      line === index ? lines[line]!.slice(0, lines[line]!.indexOf(')') + 1) : lines[line]!
    for (let i = text.length - 1; i >= 0; i -= 1) {
      if (text[i] === ')') depth += 1
      if (text[i] === '(') depth -= 1
      if (depth === 0 && text[i] === '(') return line
    }
  }
  return index
}

function closingBrace(code: string, open: number): number {
  let depth = 0
  for (let i = open; i < code.length; i += 1) {
    if (code[i] === '{') depth += 1
    if (code[i] === '}') depth -= 1
    if (depth === 0) return i
  }
  return code.length
}

function lineStarts(lines: readonly string[]): number[] {
  const starts: number[] = []
  let position = 0
  for (const line of lines) {
    starts.push(position)
    position += line.length + 1
  }
  return starts
}

function lineAt(starts: readonly number[], position: number): number {
  let line = starts.length - 1
  while (line > 0 && starts[line]! > position) line -= 1
  return line
}
