// How long a file and a function may be. What is longer today stands in tidy-exceptions.json with
// its present size; that list may only shrink: an entry that is no longer needed, or that allows
// more than there is, is an error too.
import { type Finding, finding, warning } from './finding.ts'
import { functionsOf } from './functions.ts'
import { codeFiles, type Repository } from './repository.ts'

export const sizeLimits = {
  fileWarnLines: 400,
  fileLines: 800,
  testFileLines: 1_200,
  functionLines: 70,
} as const

export interface Exceptions {
  /** Path to allowed lines. */
  readonly files: Readonly<Record<string, number>>
  /** `path name` to allowed lines. */
  readonly functions: Readonly<Record<string, number>>
}

export const exceptionsPath = 'scripts/tidy-exceptions.json'

export function readExceptions(repository: Repository): Exceptions {
  const text = repository.files.get(exceptionsPath)?.text
  const { files = {}, functions = {} } = text === undefined ? {} : JSON.parse(text)
  return { files, functions }
}

export function checkFileSizes(repository: Repository): Finding[] {
  const found: Finding[] = []
  const sizes = new Map<string, number>()
  for (const { path, lines } of codeFiles(repository)) {
    const size = lines.at(-1) === '' ? lines.length - 1 : lines.length
    const limit = isTest(path) ? sizeLimits.testFileLines : sizeLimits.fileLines
    if (size > limit) sizes.set(path, size)
    else if (size > sizeLimits.fileWarnLines && !isTest(path)) {
      const wanted = `${size} lines; cut it by domain noun below ${sizeLimits.fileWarnLines}`
      found.push(warning('file-size', path, wanted))
    }
  }
  const allowed = readExceptions(repository).files
  return [...found, ...ratchet('file-size', sizes, allowed, (key) => key)]
}

export function checkFunctionSizes(repository: Repository): Finding[] {
  const sizes = new Map<string, number>()
  for (const file of codeFiles(repository)) {
    for (const { name, lines } of functionsOf(file)) {
      if (lines > sizeLimits.functionLines) sizes.set(`${file.path} ${name}`, lines)
    }
  }
  const allowed = readExceptions(repository).functions
  return ratchet('function-size', sizes, allowed, (key) => key.split(' ')[0] ?? key)
}

function ratchet(
  rule: string,
  sizes: ReadonlyMap<string, number>,
  allowed: Readonly<Record<string, number>>,
  pathOf: (key: string) => string,
): Finding[] {
  const found: Finding[] = []
  for (const [key, size] of sizes) {
    const limit = allowed[key]
    if (limit === undefined) found.push(finding(rule, pathOf(key), `${key}: ${size} lines`))
    else if (size > limit) {
      found.push(finding(rule, pathOf(key), `${key}: ${size} lines, grown from ${limit}`))
    }
  }
  for (const [key, limit] of Object.entries(allowed)) {
    const size = sizes.get(key)
    if (size === undefined) {
      found.push(finding(rule, exceptionsPath, `${key}: no longer needed, remove it`))
    } else if (size < limit) {
      found.push(finding(rule, exceptionsPath, `${key}: lower it from ${limit} to ${size}`))
    }
  }
  return found
}

function isTest(path: string): boolean {
  return /(?:^|\/)test\//.test(path)
}
