// Makes the input: one text file with every line of the licences, documents and sources below some
// folders, a line each as `path<TAB>text`. The lines of one source stay together and in order.
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const wanted = /(?:^(?:LICEN[CS]E|README|CHANGELOG).*|\.(?:md|txt|[cm]?js|d\.ts|json))$/i
/** What `node:readline` takes for the end of a line. */
const lineEnd = /\r\n|[\r\n\u2028\u2029]/
const longestLine = 10_000

/** Adds sources until the file has at least `lines` lines. Gives their number. */
export function assemble(file: string, folders: readonly string[], lines: number): number {
  writeFileSync(file, '')
  let count = 0
  for (const folder of folders) {
    for (const path of filesIn(folder)) {
      if (count >= lines) return count
      const texts = linesOf(path)
      if (texts.some((text) => text.length > longestLine)) continue
      const name = relative(folder, path)
      appendFileSync(file, texts.map((text) => `${name}\t${text}\n`).join(''))
      count += texts.length
    }
  }
  return count
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function linesOf(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split(lineEnd)
  if (lines.at(-1) === '') lines.pop()
  return lines
}
