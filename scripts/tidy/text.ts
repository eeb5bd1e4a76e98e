// What must not be left in any text: markers of unfinished work, paths of somebody's machine,
// addresses of package registries, references to papers outside the repository. And what must be
// there: the header comment of each source file.
import { type Finding, finding } from './finding.ts'
import type { Repository } from './repository.ts'

/** Put together from pieces, so that this file does not hold what it looks for. */
const word = (...pieces: string[]) => pieces.join('')

const leftovers: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    pattern: new RegExp(`\\b(?:${word('FIX', 'ME')}|${word('TO', 'DO')}|${word('X', 'XX')})\\b`),
    message: 'finish it, or write an issue',
  },
  {
    pattern: new RegExp(
      `(?<![\\w.-])/(?:${word('wo', 'rk')}|${word('ro', 'ot')}|${word('ho', 'me')}|${word('Us', 'ers')})/\\w`,
    ),
    message: 'a path of one machine',
  },
  {
    pattern: new RegExp(
      `${word('regis', 'try')}\\.[a-z]|${word('npm', 'js')}\\.|"${word('resol', 'ved')}": "http`,
    ),
    message: 'the address of a package registry',
  },
  {
    pattern: new RegExp(
      [
        `(?<![\\w-])${word('sha', 'red')}/`,
        `\\b(?:${word('DES', 'IGN')}|${word('DURA', 'BILITY')})(?: ?§| \\d|\\.md)`,
        `\\b${word('SEM', 'ANTICS')}(?: ?§| \\d)`,
      ].join('|'),
    ),
    message: 'a paper outside the repository; say it here or in a decision record',
  },
]

const sources = /^(?:(?:[\w-]+|examples\/[\w-]+)\/(?:src|test)\/|scripts\/).*\.ts$/
const unread = /^(?:LICENSE|\.cache\/|package-lock\.json)/

export function checkLeftovers(repository: Repository): Finding[] {
  const found: Finding[] = []
  for (const { path, lines } of repository.files.values()) {
    if (unread.test(path) && path !== 'package-lock.json') continue
    for (const [index, line] of lines.entries()) {
      for (const { pattern, message } of leftovers) {
        const match = pattern.exec(line)
        if (match !== null)
          found.push(finding('leftover', path, `'${match[0]}': ${message}`, index + 1))
      }
    }
  }
  return found
}

export function checkHeaders(repository: Repository): Finding[] {
  const found: Finding[] = []
  for (const { path, lines } of repository.files.values()) {
    if (!sources.test(path) || /\/test\//.test(path)) continue
    const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0]
    if (first !== undefined && /^(?:\/\/ |\/\*\*?)/.test(first)) continue
    const wanted = 'begins without a comment that says what it decides and what it knows nothing of'
    found.push(finding('header', path, wanted, 1))
  }
  return found
}
