// Reads the members of an exported interface or class out of a source file, with what their comments
// say. It relies on the formatter: members stand two columns in, comments right above them.
import { readFileSync } from 'node:fs'

export interface Member {
  readonly name: string
  /** As in the source, on one line, without modifiers and body. */
  readonly signature: string
  /** Empty when there is no comment. */
  readonly about: string
}

export function membersOf(path: string, name: string): Member[] {
  const source = readFileSync(path, 'utf8')
  const start = new RegExp(`^export (?:interface|class) ${name}\\b.*\\{$`, 'm').exec(source)
  if (start === null) throw new Error(`${path} has no interface or class ${name}`)
  const from = start.index + start[0].length
  const lines = source.slice(from, source.indexOf('\n}', from)).split('\n')
  const members: Member[] = []
  let comment: string[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at]!
    if (/^ {2}(?:\/\*\*| \*)/.test(line)) comment.push(line)
    else if (/^ {2}(?!override |(?:readonly |async |get )*#)[[a-z]/i.test(line)) {
      const [signature, end] = signatureAt(lines, at)
      at = end
      members.push({ name: nameOf(signature), signature, about: textOf(comment) })
      comment = []
    } else if (line.trim() !== '') comment = []
  }
  const hidden = ({ name: each, about }: Member) =>
    each === 'constructor' || about.startsWith('@internal')
  return members.filter((member) => !hidden(member))
}

/** The comment above an exported declaration, on one line. */
export function aboutOf(path: string, name: string): string {
  const source = readFileSync(path, 'utf8')
  const comment = `/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*export (?:async )?\\w+ ${name}\\b`
  const found = new RegExp(comment).exec(source)
  return found === null ? '' : textOf([found[1]!])
}

/** Up to the line where every parenthesis is closed. */
function signatureAt(lines: readonly string[], first: number): [signature: string, end: number] {
  let text = ''
  let at = first
  for (; at < lines.length; at += 1) {
    text += ` ${lines[at]!.trim()}`
    if (text.split('(').length === text.split(')').length) break
  }
  return [shortened(text.trim()), at]
}

function shortened(text: string): string {
  const isGetter = /^(?:async )?get /.test(text)
  return (isGetter ? text.replace('()', '') : text)
    .replace(/ \{$/, '')
    .replace(/^(?:readonly |async |get )+/, '')
    .replace(/ = (\(.*?\)): (.*?) =>.*$/, '$1: $2')
    .replace(/: string = '.*'$/, ': string')
    .replaceAll('( ', '(')
    .replaceAll(/,? \)/g, ')')
}

function nameOf(signature: string): string {
  return /^(?:\[[\w.]+\]|\w+)/.exec(signature)![0]
}

function textOf(comment: readonly string[]): string {
  const text = comment.join('\n').replaceAll(/^\s*\/?\*+\/?|\*\/\s*$/gm, '')
  return text.replaceAll(/\s+/g, ' ').trim()
}
