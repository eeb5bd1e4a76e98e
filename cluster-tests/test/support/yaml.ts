// Reads the small part of YAML that our own compose file uses: nested maps and lists by
// indentation, block text after `|`, flow lists of quoted strings, plain scalars, comments. It
// throws on a line it does not understand, so it cannot misread more than it says.

export type Yaml = string | null | Yaml[] | { [key: string]: Yaml }

interface Line {
  readonly indent: number
  readonly text: string
}

export function parseYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .map((line) => ({ indent: line.search(/\S|$/), text: line.trim() }))
    .map((line) => (line.text.startsWith('#') ? { ...line, text: '' } : line))
  const reader = { lines, next: 0 }
  const value = block(reader, 0)
  if (peek(reader) !== undefined) throw new Error(`not understood: ${peek(reader)?.text}`)
  return value
}

interface Reader {
  readonly lines: readonly Line[]
  next: number
}

function peek(reader: Reader): Line | undefined {
  while (reader.lines[reader.next]?.text === '') reader.next += 1
  return reader.lines[reader.next]
}

function block(reader: Reader, indent: number): Yaml {
  return peek(reader)?.text.startsWith('- ') ? list(reader, indent) : map(reader, indent)
}

function list(reader: Reader, indent: number): Yaml {
  const items: Yaml[] = []
  for (let line = peek(reader); line?.indent === indent; line = peek(reader)) {
    const text = /^- (.+)$/.exec(line.text)?.[1]
    if (text === undefined) break
    reader.next += 1
    items.push(text === '|' ? literal(reader, indent) : scalar(text))
  }
  return items
}

function map(reader: Reader, indent: number): Yaml {
  const entries: { [key: string]: Yaml } = {}
  for (let line = peek(reader); line?.indent === indent; line = peek(reader)) {
    const match = /^([\w-]+):(?: (.+))?$/.exec(line.text)
    if (match === null) throw new Error(`not understood: ${line.text}`)
    const [, key = '', value] = match
    if (key in entries) throw new Error(`twice: ${key}`)
    reader.next += 1
    if (value !== undefined) {
      entries[key] = value === '|' ? literal(reader, indent) : scalar(value)
      continue
    }
    const below = peek(reader)
    entries[key] = below !== undefined && below.indent > indent ? block(reader, below.indent) : null
  }
  return entries
}

/** The lines below, without their common indentation. */
function literal(reader: Reader, indent: number): string {
  const first = peek(reader)?.indent ?? 0
  const lines: string[] = []
  for (let line = peek(reader); line !== undefined && line.indent > indent; line = peek(reader)) {
    lines.push(' '.repeat(line.indent - first) + line.text)
    reader.next += 1
  }
  return `${lines.join('\n')}\n`
}

function scalar(text: string): Yaml {
  if (text.startsWith('[') || text.startsWith('"')) return JSON.parse(text)
  if (/^[{&*!>'|]/.test(text)) throw new Error(`not understood: ${text}`)
  return text
}
