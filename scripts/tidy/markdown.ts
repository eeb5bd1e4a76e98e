// Documents: one title each, links and anchors that lead somewhere, and named tests that exist.
// A test is named as `file.test.ts › its title` in backquotes, relative to the document.
import { type Finding, finding } from './finding.ts'
import { type Repository, resolveRelative, type SourceFile } from './repository.ts'

const firstCodeLine = 20
const link = /(?<!!)\[(?:[^\]]|`[^`]*`)*\]\(([^()\s]+(?:\([^()]*\))?)\)/g
const image = /!\[[^\]]*\]\(([^()\s]+)\)/g
const namedTest = /`([\w./-]+\.test\.ts) › ([^`]+)`/g

export function checkMarkdown(repository: Repository): Finding[] {
  const documents = [...repository.files.values()].filter(({ path }) => path.endsWith('.md'))
  return documents.flatMap((document) => [
    ...checkTitle(document),
    ...checkFirstCode(document),
    ...checkLinks(repository, document),
    ...checkNamedTests(repository, document),
  ])
}

/** The first screen of the README runs the thing. */
function checkFirstCode({ path, lines }: SourceFile): Finding[] {
  if (path !== 'README.md' || lines.length <= firstCodeLine) return []
  if (lines.slice(0, firstCodeLine).some((line) => line.startsWith('```'))) return []
  return [finding('first-code', path, `no code in the first ${firstCodeLine} lines`)]
}

function checkTitle({ path, lines }: SourceFile): Finding[] {
  const titles = prose(lines).filter(({ text }) => /^# /.test(text))
  if (titles.length === 1) return []
  return [finding('one-title', path, `${titles.length} titles of level 1 instead of one`)]
}

function checkLinks(repository: Repository, document: SourceFile): Finding[] {
  const found: Finding[] = []
  for (const { text, line } of prose(document.lines)) {
    const plain = text.replaceAll(/`[^`]*`/g, '')
    const targets = [...text.matchAll(link), ...plain.matchAll(image)].map((match) => match[1]!)
    for (const target of targets) {
      const problem = linkProblem(repository, document.path, target)
      if (problem !== undefined) found.push(finding('link', document.path, problem, line))
    }
  }
  return found
}

function linkProblem(repository: Repository, from: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/.test(target)) return undefined
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? from : resolveRelative(from, decodeURIComponent(file))
  if (path.startsWith('..')) return `'${target}' leaves the repository`
  if (!repository.exists(path)) return `'${target}' leads nowhere`
  const document = repository.files.get(path)
  if (anchor === undefined || document === undefined) return undefined
  if (!path.endsWith('.md')) {
    const line = /^L(\d+)(?:-L\d+)?$/.exec(anchor)
    return line === null || Number(line[1]) <= document.lines.length
      ? undefined
      : `'${target}': the file is shorter`
  }
  return anchorsOf(document).has(anchor) ? undefined : `'${target}': no such heading`
}

/** Anchors as GitHub makes them: lower case, punctuation gone, spaces as hyphens, repeats numbered. */
export function anchorsOf({ lines }: SourceFile): Set<string> {
  const anchors = new Set<string>()
  for (const { text } of prose(lines)) {
    const heading = /^#{1,6} +(.*?)(?: +#+)?$/.exec(text)?.[1]
    const explicit = /<a (?:id|name)="([^"]+)"/.exec(text)?.[1]
    if (explicit !== undefined) anchors.add(explicit)
    if (heading === undefined) continue
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-')
    let unique = anchor
    for (let i = 1; anchors.has(unique); i += 1) unique = `${anchor}-${i}`
    anchors.add(unique)
  }
  return anchors
}

function checkNamedTests(repository: Repository, { path, text, lines }: SourceFile): Finding[] {
  const found: Finding[] = []
  for (const match of text.matchAll(namedTest)) {
    const [, file, title] = match
    const target = resolveRelative(path, file!)
    const test = repository.files.get(target)
    const line = text.slice(0, match.index).split('\n').length
    if (test === undefined) found.push(finding('named-test', path, `no file ${target}`, line))
    else if (!test.text.includes(title!.trim())) {
      found.push(finding('named-test', path, `${target} has no test '${title}'`, line))
    }
  }
  if (path.endsWith('/SEMANTICS.md') && found.length === 0) {
    found.push(...checkRulesNameTests(path, lines))
  }
  return found
}

/** Each numbered rule of a SEMANTICS.md names at least one test before the next rule begins. */
function checkRulesNameTests(path: string, lines: readonly string[]): Finding[] {
  const rules = lines.flatMap((line, index) => (/^\d+\. /.test(line) ? [index] : []))
  return rules.flatMap((start, i) => {
    const rule = lines.slice(start, rules[i + 1]).join('\n')
    if (rule.includes(' › ')) return []
    return [finding('named-test', path, 'this rule names no test', start + 1)]
  })
}

/** Lines outside fenced code. */
function prose(lines: readonly string[]): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = []
  let fence: string | undefined
  for (const [index, text] of lines.entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(text)?.[1]
    if (mark !== undefined && (fence === undefined || mark.startsWith(fence))) {
      fence = fence === undefined ? mark : undefined
    } else if (fence === undefined) found.push({ text, line: index + 1 })
  }
  return found
}
