// Pages that name a symbol beside a source file: the symbol is there. Links themselves are checked
// by scripts/tidy.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from './reference.ts'

const symbols = /\[`([\w.]+)`\]\(([^)#]+\.ts)\)/g

const pages = [
  'ARCHITECTURE.md',
  'README.md',
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
]
  .map((page) => ({ page, text: readFileSync(join(repository, page), 'utf8') }))
  .filter(({ text }) => text.search(symbols) >= 0)

test('some pages name symbols', () => {
  expect(pages.map(({ page }) => page)).toContain('ARCHITECTURE.md')
})

test.each(pages)('$page names only symbols that are in the file it links', ({ page, text }) => {
  for (const [, symbol, target] of text.matchAll(symbols)) {
    const path = join(repository, dirname(page), target!)
    expect(existsSync(path), `${target} of ${page}`).toBe(true)
    const source = readFileSync(path, 'utf8')
    // `Producer.send`: the class and its method.
    for (const word of symbol!.split('.')) {
      expect(source, `${symbol} in ${target}`).toMatch(new RegExp(`\\b${word}\\b`))
    }
  }
})
