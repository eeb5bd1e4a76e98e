// Source files that nothing reaches. Entries are what manifests export, start or script, and every
// main.ts; from there imports and file names in strings are followed. A product file that only its
// tests use is dead; test helpers live under test/ and are not looked at.
import { type Finding, finding } from './finding.ts'
import { referencesOf } from './imports.ts'
import type { Repository } from './repository.ts'

const source = /^[\w-]+\/src\/.*\.ts$/
/** Folders whose sources exist for their tests. */
const harness = /^(?:cluster-tests|bench|examples)\//

export function checkDeadFiles(repository: Repository): Finding[] {
  const reached = new Set<string>()
  const waiting = entriesOf(repository)
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = repository.files.get(path)
    if (file === undefined || reached.has(path)) continue
    reached.add(path)
    waiting.push(...referencesOf(repository, file))
  }
  return [...repository.files.keys()]
    .filter((path) => source.test(path) && !reached.has(path))
    .map((path) => finding('dead-file', path, 'no export, command or main reaches this file'))
}

function entriesOf(repository: Repository): string[] {
  const entries = repository.manifests.flatMap((manifest) => manifest.entries)
  for (const path of repository.files.keys()) {
    if (/\/src\/(?:.*\/)?main\.ts$/.test(path)) entries.push(path)
    if (harness.test(path) && /(?:^|\/)test\//.test(path)) entries.push(path)
  }
  return entries
}
