// Which file refers to which: import specifiers, and relative file names in strings, by which
// workers and child processes are started. Shared by the rules on direction and on dead files.
import { lineOf } from './mask.ts'
import { type Repository, resolveRelative, type SourceFile } from './repository.ts'

export interface Import {
  readonly specifier: string
  readonly line: number
  readonly typeOnly: boolean
}

/** `from '…'`, `import '…'`, `import('…')`; a call of something named `from` is none. */
const importStart = /\b(?:from\s*|import\s*\(?\s*)(['"])/g
/** `./worker.ts`, also written so that it is found in a build: `./worker${extname(…)}`. */
const fileInString = /['"`](\.{1,2}\/[\w./-]+?)(?:\.(ts|js)|\$\{extname\([^)]*\)\})['"`]/g

export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = []
  for (const match of file.masked.code.matchAll(importStart)) {
    const start = match.index + match[0].length
    const end = file.text.indexOf(match[1]!, start)
    const statement = file.masked.code.slice(0, match.index)
    const keyword = Math.max(statement.lastIndexOf('import'), statement.lastIndexOf('export'))
    found.push({
      specifier: file.text.slice(start, end),
      line: lineOf(file.text, match.index),
      typeOnly: /^(?:import|export) type\b/.test(statement.slice(keyword)),
    })
  }
  return found
}

/** Files of the repository that this file refers to. */
export function referencesOf(repository: Repository, file: SourceFile): string[] {
  const found: string[] = []
  for (const { specifier } of importsOf(file)) {
    const target = targetOf(repository, file.path, specifier)
    if (target !== undefined) found.push(target)
  }
  for (const [, stem, extension] of file.masked.noComments.matchAll(fileInString)) {
    const target = resolveRelative(file.path, `${stem}.${extension ?? 'ts'}`)
    if (repository.files.has(target)) found.push(target)
  }
  return found
}

/** The file an import leads to, when it is one of ours. */
export function targetOf(
  repository: Repository,
  from: string,
  specifier: string,
): string | undefined {
  if (specifier.startsWith('.')) return resolveRelative(from, specifier)
  for (const { name, exports } of repository.manifests) {
    if (specifier === name) return exports.get('.')
    if (specifier.startsWith(`${name}/`)) return exports.get(`.${specifier.slice(name.length)}`)
  }
  return undefined
}
