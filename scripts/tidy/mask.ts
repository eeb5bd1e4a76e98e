// Blanks out what is not code, so that rules can search text without parsing it. Every masked text
// has the length and the line breaks of the original: a position in one is a position in the other.
// Good enough for formatted TypeScript; it is no parser and knows nothing of types.

export interface Masked {
  /** Comments blanked; strings as they are. */
  readonly noComments: string
  /** Comments and the contents of strings, templates and regular expressions blanked. */
  readonly code: string
  /** Only the comments; everything else blanked. */
  readonly comments: string
}

/** A regular expression may begin after one of these, a division may not. */
const beforeRegex = /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void))$/

export function mask(text: string): Masked {
  // UTF-16 units, not characters, so that positions are those of the text.
  const units = text.split('')
  const noComments = [...units]
  const code = [...units]
  const comments: string[] = units.map((character) => (character === '\n' ? '\n' : ' '))
  const blank = (target: string[], from: number, to: number) => {
    for (let i = from; i < to; i += 1) if (target[i] !== '\n') target[i] = ' '
  }
  for (const { kind, from, to } of pieces(units)) {
    if (kind === 'comment') {
      for (let i = from; i < to; i += 1) comments[i] = code[i] ?? ' '
      blank(noComments, from, to)
      blank(code, from, to)
    } else {
      blank(code, from + 1, to - 1)
    }
  }
  return { noComments: noComments.join(''), code: code.join(''), comments: comments.join('') }
}

export function lineOf(text: string, position: number): number {
  let line = 1
  for (let i = 0; i < position; i += 1) if (text[i] === '\n') line += 1
  return line
}

interface Piece {
  readonly kind: 'comment' | 'string'
  readonly from: number
  /** Behind the last character. */
  readonly to: number
}

/** Comments, strings, regular expressions and the literal parts of templates. */
function pieces(text: readonly string[]): Piece[] {
  const found: Piece[] = []
  /** Depth of braces at which each open template goes on. */
  const templates: number[] = []
  let depth = 0
  let before = ''
  for (let i = 0; i < text.length; ) {
    const end = endOfPiece(text, i, before)
    const resumed = text[i] === '}' && templates.at(-1) === depth
    if (text[i] === '`' || resumed) {
      if (resumed) templates.pop()
      const to = endOfTemplate(text, i + 1)
      found.push({ kind: 'string', from: i, to })
      if (text[to - 1] === '{') templates.push(depth)
      before = text[to - 1] === '{' ? '{' : 'x'
      i = to
    } else if (end !== undefined) {
      found.push(end)
      if (end.kind === 'string') before = 'x'
      i = end.to
    } else {
      if (text[i] === '{') depth += 1
      if (text[i] === '}') depth -= 1
      if (text[i]?.trim() !== '') before = (before + text[i]).slice(-8)
      else if (/\w$/.test(before)) before += ' '
      i += 1
    }
  }
  return found
}

function endOfPiece(text: readonly string[], from: number, before: string): Piece | undefined {
  const first = text[from]
  const second = text[from + 1]
  if (first === '/' && second === '/') {
    return { kind: 'comment', from, to: endOf(text, from, '\n') }
  }
  if (first === '/' && second === '*') {
    let to = from + 2
    while (to < text.length && !(text[to] === '*' && text[to + 1] === '/')) to += 1
    return { kind: 'comment', from, to: Math.min(to + 2, text.length) }
  }
  if (first === "'" || first === '"') return { kind: 'string', from, to: endOfQuoted(text, from) }
  if (first === '/' && beforeRegex.test(before.trimEnd())) {
    return { kind: 'string', from, to: endOfRegex(text, from) }
  }
  return undefined
}

function endOf(text: readonly string[], from: number, character: string): number {
  const found = text.indexOf(character, from)
  return found < 0 ? text.length : found
}

function endOfQuoted(text: readonly string[], from: number): number {
  let i = from + 1
  while (i < text.length && text[i] !== text[from] && text[i] !== '\n') {
    i += text[i] === '\\' ? 2 : 1
  }
  return Math.min(i + 1, text.length)
}

function endOfRegex(text: readonly string[], from: number): number {
  let inClass = false
  let i = from + 1
  while (i < text.length && (inClass || text[i] !== '/') && text[i] !== '\n') {
    if (text[i] === '[') inClass = true
    if (text[i] === ']') inClass = false
    i += text[i] === '\\' ? 2 : 1
  }
  return Math.min(i + 1, text.length)
}

/** Behind the closing backtick, or behind the brace that opens a substitution. */
function endOfTemplate(text: readonly string[], from: number): number {
  let i = from
  while (i < text.length && text[i] !== '`') {
    if (text[i] === '$' && text[i + 1] === '{') return i + 2
    i += text[i] === '\\' ? 2 : 1
  }
  return Math.min(i + 1, text.length)
}
