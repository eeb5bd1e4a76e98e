// Pages that name a symbol beside a source file: the symbol is there. Links themselves are checked
// by scripts/tidy.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repository } from './reference.ts'

const pages = [
  'ARCHITECTURE.md',
  'README.md',
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
]

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(repository, page), 'utf8')

  test('names only symbols that are in the file it links', () => {
    for (const [, symbol, target] of text.matchAll(/\[`([\w.]+)`\]\(([^)#]+\.ts)\)/g)) {
      const path = join(repository, dirname(page), target!)
      expect(existsSync(path), `${target} of ${page}`).toBe(true)
      const source = readFileSync(path, 'utf8')
      // `Producer.send`: the class and its method.
      for (const word of symbol!.split('.')) {
        expect(source, `${symbol} in ${target}`).toMatch(new RegExp(`\\b${word}\\b`))
      }
    }
  })

  test('says nothing of other papers than those of this repository', () => {
    expect(text).not.toMatch(/DESIGN\.md|DURABILITY\.md|SEMANTICS\.md §/)
  })
})
