// Which code a report is about, so that its seeds can be run again with the same result.
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

const folder = resolve(import.meta.dirname, '../../../..')
/** What a simulated run is made of, from the repository's folder. */
const sources = ['protocol', 'raft', 'actors', 'client', 'node']
  .map((name) => `${name}/src`)
  .concat('package-lock.json')

/**
 * The last commit that changed anything a simulated run is made of, with a plus when files differ from
 * it; `unknown` outside a repository, also when installed as a package below one.
 */
export function commitOfSources(): string {
  if (folder.includes('/node_modules')) return 'unknown'
  const git = (...words: string[]) =>
    execFileSync('git', words, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  try {
    const last = git('log', '-1', '--abbrev=12', '--format=%h', '--', ...sources).trim()
    const changed = git('status', '--porcelain', '--', ...sources).trim()
    return `${last}${changed === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
