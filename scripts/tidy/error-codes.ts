// One set of names: the error table in protocol, the codes used anywhere, and the reference page,
// each way. Environment variables share the prefix; they are those the configuration page names.
import { type Finding, finding } from './finding.ts'
import { lineOf } from './mask.ts'
import type { Repository, SourceFile } from './repository.ts'

const tablePath = 'protocol/src/error.ts'
const referencePath = 'docs/reference/errors.md'
const variablesPath = 'docs/reference/config.md'
const code = /\bQUORATE_[A-Z][A-Z0-9_]*\b/g

export function checkErrorCodes(repository: Repository): Finding[] {
  const table = repository.files.get(tablePath)
  if (table === undefined) return []
  const rows = new Set(
    [...table.masked.code.matchAll(/\b(QUORATE_[A-Z0-9_]+):/g)].map((match) => match[1]!),
  )
  const variables = codesIn(repository.files.get(variablesPath)?.text)
  return [
    ...compareReference(repository, rows, variables),
    ...unknownCodes(repository, rows, variables),
  ]
}

function compareReference(
  repository: Repository,
  rows: ReadonlySet<string>,
  variables: ReadonlySet<string>,
): Finding[] {
  const reference = repository.files.get(referencePath)
  if (reference === undefined) {
    return [finding('error-codes', tablePath, `${referencePath} is missing`)]
  }
  const documented = codesIn(reference.text)
  return [
    ...[...rows]
      .filter((row) => !documented.has(row))
      .map((row) => finding('error-codes', referencePath, `${row} is not described`)),
    ...[...documented]
      .filter((name) => !rows.has(name) && !variables.has(name))
      .map((name) => finding('error-codes', referencePath, `${name} is not in ${tablePath}`)),
  ]
}

function unknownCodes(
  repository: Repository,
  rows: ReadonlySet<string>,
  variables: ReadonlySet<string>,
): Finding[] {
  const found: Finding[] = []
  for (const file of repository.files.values()) {
    if (!isLookedAt(file)) continue
    const text = file.path.endsWith('.ts') ? file.masked.noComments : file.text
    for (const { 0: name, index } of text.matchAll(code)) {
      if (rows.has(name) || variables.has(name)) continue
      const wanted = `${name} is neither in ${tablePath} nor a variable in ${variablesPath}`
      found.push(finding('error-codes', file.path, wanted, lineOf(file.text, index)))
    }
  }
  return found
}

function isLookedAt({ path }: SourceFile): boolean {
  if (path === tablePath || path === referencePath || path === variablesPath) return false
  return /\/src\/.*\.ts$/.test(path) || path.endsWith('.md')
}

function codesIn(text: string | undefined): Set<string> {
  return new Set([...(text ?? '').matchAll(code)].map(([name]) => name))
}
