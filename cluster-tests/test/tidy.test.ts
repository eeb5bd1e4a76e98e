import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { print } from '../../scripts/tidy/finding.ts'
import { functionsOf } from '../../scripts/tidy/functions.ts'
import { checkAll } from '../../scripts/tidy/index.ts'
import { anchorsOf } from '../../scripts/tidy/markdown.ts'
import { mask } from '../../scripts/tidy/mask.ts'
import { loadRepository } from '../../scripts/tidy/repository.ts'

type Files = Readonly<Record<string, string>>

const header = '// Decides something; knows nothing of the rest.\n'
const manifest = (name: string, more: object = {}) =>
  JSON.stringify({ name, exports: { '.': './src/index.ts' }, ...more })

/** A repository without findings: the smallest that has what the rules look at. */
const good: Files = {
  'package.json': '{ "name": "root", "devDependencies": { "vitest": "5.1.1" } }',
  'README.md': '# Title\n\nSee [the rules](protocol/SEMANTICS.md#order-first).\n',
  'protocol/package.json': manifest('@quorate/protocol'),
  'protocol/src/index.ts': `${header}export { used } from './used.ts'\n`,
  'protocol/src/used.ts': `${header}export const used = 1\n`,
  'protocol/src/error.ts': `${header}export const rows = { QUORATE_KNOWN: [1] }\n`,
  'protocol/SEMANTICS.md': '# S\n\n## Order first\n\n1. Rule. `test/a.test.ts › keeps order`\n',
  'protocol/test/a.test.ts': `import 'vitest'\nimport '../src/error.ts'\n// keeps order\n`,
  'client/package.json': manifest('@quorate/client', {
    dependencies: { '@quorate/protocol': '0' },
  }),
  'client/src/index.ts': `${header}export { used } from '@quorate/protocol'\n`,
  'node/package.json': manifest('quorate', {
    exports: { '.': './src/index.ts', './testing': './src/testing/index.ts' },
    dependencies: { '@quorate/protocol': '0', '@quorate/client': '0' },
  }),
  'node/src/index.ts': `${header}export { used } from '@quorate/protocol'\n`,
  'node/src/testing/index.ts': `${header}export { used } from '@quorate/client'\n`,
  'docs/reference/errors.md': '# Errors\n\n`QUORATE_KNOWN`, see `QUORATE_SERVER`.\n',
  'docs/reference/config.md': '# Configuration\n\n`QUORATE_SERVER`\n',
}
// The error table is reached by its package in the real repository.
const base: Files = {
  ...good,
  'protocol/src/used.ts': `${header}import './error.ts'\nexport const used = 1\n`,
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** Findings in the base repository after these files were added or replaced. */
function tidy(files: Files): string[] {
  const root = mkdtempSync(join(tmpdir(), 'tidy-'))
  folders.push(root)
  for (const [path, text] of Object.entries({ ...base, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return checkAll(loadRepository(root)).map(print)
}

const lines = (count: number, line = '// more') => `${line}\n`.repeat(count)
const longFunction = (name: string, length: number) =>
  `${header}function ${name}() {\n${lines(length - 2, '  // x')}}\n`
const addToNode = (path: string, text: string): Files => ({
  [`node/src/${path}`]: `${header}${text}\n`,
  'node/src/index.ts': `${header}import './${path}'\n`,
})
/** Split, so that this file does not hold what the rules look for. */
const joined = (...parts: string[]) => parts.join('')

test('the repository is tidy', () => {
  const repository = loadRepository(resolve(import.meta.dirname, '../..'))
  const errors = checkAll(repository).filter(({ severity }) => severity === 'error')
  expect(errors.map(print)).toEqual([])
})

describe('rules', () => {
  test('a repository that keeps the rules has no findings', () => {
    expect(tidy({})).toEqual([])
  })

  const cases: readonly [string, Files, string][] = [
    ['a source file above 800 lines', addToNode('big.ts', lines(800)), '[file-size]'],
    ['a function above 70 lines', addToNode('big.ts', longFunction('big', 71)), '[function-size]'],
    [
      'an exception nobody needs',
      { 'scripts/tidy-exceptions.json': '{ "files": { "gone.ts": 900 } }' },
      'no longer needed',
    ],
    [
      'an import against the direction',
      {
        'client/package.json': manifest('@quorate/client', { dependencies: { quorate: '0' } }),
        'client/src/index.ts': `${header}import 'quorate'\n`,
      },
      "'quorate' is not allowed here",
    ],
    [
      'an import of the client outside commands and testing',
      { 'node/src/index.ts': `${header}import '@quorate/client'\n` },
      "'@quorate/client' is not allowed here",
    ],
    [
      'an import of simulated parts by product code',
      { 'node/src/index.ts': `${header}import './testing/index.ts'\n` },
      'product code must not import node/src/testing/index.ts',
    ],
    [
      'an import into the inside of another package',
      { 'node/src/index.ts': `${header}import '@quorate/protocol/src/used.ts'\n` },
      'is not exported by @quorate/protocol',
    ],
    [
      'a relative import that leaves its package',
      { 'node/src/index.ts': `${header}import '../../protocol/src/used.ts'\n` },
      'leaves the package',
    ],
    [
      'an import of nothing',
      { 'node/src/index.ts': `${header}import './nothing.ts'\n` },
      'is no file',
    ],
    [
      'a dependency that no manifest names',
      { 'node/src/index.ts': `${header}import { x } from 'left-pad'\n` },
      "'left-pad' is not in the dependencies",
    ],
    [
      'a test dependency used by a source file',
      { 'node/src/index.ts': `${header}import 'vitest'\n` },
      "'vitest' is not in the dependencies",
    ],
    ['a file nothing reaches', { 'node/src/alone.ts': header }, 'node/src/alone.ts error [dead'],
    ['a source file without a header', { 'node/src/index.ts': 'export {}\n' }, '[header]'],
    [
      'a marker of unfinished work',
      { 'README.md': `# T\n\n${joined('TO', 'DO')}: write it\n` },
      'README.md:3 error [leftover]',
    ],
    [
      'a path of one machine',
      { 'README.md': `# T\n\nSee ${joined('/ho', 'me/me/quorate')}.\n` },
      'a path of one machine',
    ],
    [
      'the address of a registry in the lock file',
      { 'package-lock.json': `{ ${joined('"resol', 'ved"')}: "https://x/y.tgz" }` },
      'the address of a package registry',
    ],
    [
      'a paper outside the repository',
      { 'node/src/index.ts': `// As ${joined('DURA', 'BILITY')} 6 says.\n` },
      'a paper outside the repository',
    ],
    [
      'a README that shows no code on its first screen',
      { 'README.md': `# T\n${lines(30, 'text')}\n\`\`\`sh\nnpm ci\n\`\`\`\n` },
      'README.md error [first-code]',
    ],
    ['a document without a title', { 'docs/x.md': 'No title.\n' }, '[one-title]'],
    ['a document with two titles', { 'docs/x.md': '# A\n\n# B\n' }, '[one-title]'],
    ['a link that leads nowhere', { 'docs/x.md': '# A\n\n[b](b.md)\n' }, "'b.md' leads nowhere"],
    [
      'an anchor without heading',
      { 'docs/x.md': '# A\n\n[b](../README.md#none)\n' },
      "'../README.md#none': no such heading",
    ],
    [
      'a link beyond the end of a source file',
      { 'docs/x.md': '# A\n\n[b](../node/src/index.ts#L99)\n' },
      'the file is shorter',
    ],
    [
      'a named test that does not exist',
      { 'docs/x.md': '# A\n\n`../protocol/test/a.test.ts › keeps peace`\n' },
      "has no test 'keeps peace'",
    ],
    [
      'a rule that names no test',
      { 'protocol/SEMANTICS.md': '# S\n\n## Order first\n\n1. Rule.\n' },
      'this rule names no test',
    ],
    [
      'a code that is used and not in the table',
      addToNode('x.ts', "export const code = 'QUORATE_UNHEARD'"),
      'QUORATE_UNHEARD is neither',
    ],
    [
      'a code in the table that is not described',
      { 'docs/reference/errors.md': '# Errors\n' },
      'QUORATE_KNOWN is not described',
    ],
    [
      'a described code that is not in the table',
      { 'docs/reference/errors.md': '# Errors\n\nQUORATE_KNOWN QUORATE_OLD\n' },
      'QUORATE_OLD is not in protocol/src/error.ts',
    ],
  ]
  test.each(cases)('%s is found', (_, files, expected) => {
    const found = tidy(files)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(expected)
  })

  const banned: readonly [string, string, string][] = [
    ['partition/x.ts', 'const n = Math.random()', 'Math.random'],
    ['partition/x.ts', 'const n = globalThis', 'globalThis'],
    ['partition/x.ts', 'const n = Date.now()', 'Date'],
    ['partition/x.ts', 'const n = new Date', 'Date'],
    ['mesh/x.ts', 'setTimeout(run, 1)', 'timers'],
    ['replication/x.ts', 'const n = performance.now()', 'performance'],
    ['mesh/x.ts', "import { randomBytes } from 'node:crypto'", 'crypto randomness'],
    ['metadata/x.ts', 'names.sort((a, b) => a.localeCompare(b))', 'locale'],
    ['handlers/x.ts', 'const known = new WeakRef(value)', 'weak references'],
    ['partition/x.ts', 'view.setBigInt64(0, n)', 'BigInt'],
    ['partition/x.ts', 'bytes.writeBigInt64BE(n)', 'BigInt'],
    ['doors/nats/x.ts', "const words = line.split(' ')", 'split'],
    ['doors/x.ts', 'setImmediate(run)', 'setImmediate'],
    ['doors/x.ts', 'const pid = process.pid', 'process'],
    ['doors/x.ts', 'const all = Buffer.concat(list)', 'Buffer.concat'],
    ['doors/x.ts', "export * from '../other.ts'", 'export star'],
  ]
  test.each(banned)(
    'in %s the line %s is found and something else is offered',
    (path, text, name) => {
      const other = { 'node/src/other.ts': header }
      const used = `import './${path}'\nimport './other.ts'\n`
      const found = tidy({
        ...addToNode(path, text),
        ...other,
        'node/src/index.ts': `${header}${used}`,
      })
      expect(found).toHaveLength(1)
      expect(found[0]).toMatch(
        new RegExp(`node/src/${path}:2 error \\[ban\\] no ${name} here: use `),
      )
    },
  )

  test('what is banned for deciding code is free where the real world is', () => {
    const real = 'setImmediate(run)\nconst now = Date.now() + process.pid'
    expect(tidy(addToNode('storage/disk-node.ts', real))).toEqual([])
    expect(tidy(addToNode('main.ts', real))).toEqual([])
    expect(tidy(addToNode('partition/raft-hosting.ts', '// Math.random() is not used'))).toEqual([])
    expect(tidy(addToNode('doors/http/x.ts', "const words = line.split(' ')"))).toEqual([])
  })

  test('an exception allows exactly the present size and may only shrink', () => {
    const withLimit = (limit: number) => ({
      ...addToNode('big.ts', longFunction('big', 80)),
      'scripts/tidy-exceptions.json': `{ "functions": { "node/src/big.ts big": ${limit} } }`,
    })
    expect(tidy(withLimit(80))).toEqual([])
    expect(tidy(withLimit(79))[0]).toContain('80 lines, grown from 79')
    expect(tidy(withLimit(90))[0]).toContain('lower it from 90 to 80')
  })

  test('a long file is a warning before it is an error, and a test may be longer', () => {
    expect(tidy(addToNode('long.ts', lines(450)))[0]).toContain('warning [file-size]')
    expect(tidy({ 'node/test/long.test.ts': lines(1_100) })).toEqual([])
    expect(tidy({ 'node/test/long.test.ts': lines(1_201) })).toHaveLength(1)
  })

  test('workers and child processes named by a relative file are reached', () => {
    const worker = { 'node/src/worker.ts': header, 'node/src/child.ts': header }
    const text = [
      'const worker = new URL(`./worker$' + '{extname(import.meta.url)}`, import.meta.url)',
      "const child = new URL('./child.ts', import.meta.url)",
    ]
    expect(tidy({ ...addToNode('start.ts', text.join('\n')), ...worker })).toEqual([])
  })
})

describe('reading code', () => {
  const file = (text: string) => ({
    path: 'x.ts',
    text,
    lines: text.split('\n'),
    masked: mask(text),
  })

  test('comments, strings, templates and regular expressions are blanked, code is not', () => {
    const text = [
      "const a = 'Date.now()' // Date.now()",
      'const b = `Date $' + '{now({ x: `y` })} Date` /* Date */',
      'const c = /[/\'"]Date/.test(d) ? e / f : g / 2',
      "const d = 'it\\'s Date' + \"Date\"",
    ].join('\n')
    const { code, noComments, comments } = mask(text)
    expect(code).toHaveLength(text.length)
    expect(code).not.toContain('Date')
    expect(code).toContain('now({ x: ` ` })')
    expect(code).toContain('.test(d) ? e / f : g / 2')
    expect(noComments).toContain("'Date.now()'")
    expect(noComments).not.toContain('// Date')
    expect(comments.trim()).toMatch(/^\/\/ Date\.now\(\)\s+\/\* Date \*\/$/)
  })

  test('functions of every shape are found with their lengths', () => {
    const text = [
      'export async function first<T>(a: T): Promise<void> {',
      '  if (a) {',
      '  }',
      '}',
      'export const second = (a: number) => {',
      '}',
      'class C {',
      '  static #third(',
      '    a: number,',
      '  ): { b: number } {',
      '    for (const x of []) {',
      '    }',
      '  }',
      '  get fourth(): number {',
      '  }',
      '}',
      "describe('group', () => {",
      "  test('case', () => {",
      '  })',
      '})',
      'if (',
      '  a &&',
      '  b',
      ') {',
      '}',
    ].join('\n')
    expect(functionsOf(file(text)).map(({ name, lines }) => [name, lines])).toEqual([
      ['first', 4],
      ['second', 2],
      ['#third', 6],
      ['fourth', 2],
      ['test', 2],
    ])
  })

  test('anchors are those GitHub makes', () => {
    const text = '# `code` & more: a *b*\n## Same\n## Same\n```\n# no\n```\n## [Link](x.md) here?\n'
    expect([...anchorsOf(file(text))]).toEqual(['code--more-a-b', 'same', 'same-1', 'link-here'])
  })
})
