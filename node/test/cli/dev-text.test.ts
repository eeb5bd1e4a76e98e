import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  commandName,
  errorOfLine,
  lastWords,
  shellLine,
  welcomeText,
} from '../../src/cli/dev-text.ts'

const nodes = ['n1', 'n2', 'n3'].map((id, index) => ({
  id,
  data: `/tmp/data/${id}`,
  address: `127.0.0.1:${4222 + index}`,
  http: `127.0.0.1:${8222 + index}`,
}))
const welcome = { nodes, folder: '/tmp/data', ephemeral: false, command: 'npx quorate' }

describe('what dev says when it is ready', () => {
  test('has lines to paste that need no --server on the default port', () => {
    const text = welcomeText(welcome)
    expect(text).toContain("\n  echo 'hello' | npx quorate produce orders -o json\n")
    expect(text).toContain('\n  npx quorate consume orders\n')
    expect(text).not.toContain('--server')
    expect(text).toContain('\n  kill -9 $(cat /tmp/data/n3/pid) ')
  })

  test('names the server on any other port', () => {
    const moved = nodes.map((node) => ({ ...node, address: '127.0.0.1:5000' }))
    const text = welcomeText({ ...welcome, nodes: moved })
    expect(text).toContain('npx quorate consume orders --server nats://127.0.0.1:5000\n')
  })

  test('does not offer to kill the only node, and says when data go', () => {
    expect(welcomeText({ ...welcome, nodes: nodes.slice(0, 1) })).not.toContain('kill')
    expect(welcomeText(welcome)).toContain('data: /tmp/data (kept)')
    expect(welcomeText({ ...welcome, ephemeral: true })).toContain('(removed at the end)')
  })

  test('calls the command as it can be called', () => {
    const installed = 'file:///usr/lib/node_modules/quorate/dist/cli/dev.js'
    expect(commandName(installed, {})).toBe('quorate')
    expect(commandName(installed, { npm_config_user_agent: 'npm/11' })).toBe('npx quorate')
    expect(commandName('file:///src/quorate/node/src/cli/dev.ts', {})).toBe('npx quorate')
  })
})

describe('a command as a shell takes it', () => {
  test('keeps every word', () => {
    /** As a POSIX shell reads words in single quotes and bare words. */
    const read = (line: string) =>
      [...line.matchAll(/(?:'[^']*'|\\.|[^\s'])+/g)].map(([word]) =>
        word.replaceAll(/'([^']*)'|\\(.)/g, (_, quoted, escaped) => quoted ?? escaped),
      )
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 12 }), { maxLength: 5 }), (words) => {
        expect(read(shellLine(words))).toEqual(words)
      }),
      { numRuns: 300, examples: [[['']], [["it's"]], [['a b', '$HOME', '"x"', '\\']]] },
    )
  })
})

describe('the last words of a node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-dev-text-'))
  const log = join(folder, 'n1.log')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('are its error, wherever that stands among log lines', () => {
    const before = 'QUORATE_DISK_FULL: of an earlier run\n'
    const error = 'QUORATE_PORT_IN_USE: another process listens on this port: 127.0.0.1:1'
    writeFileSync(log, `${before}{"event":"node.started"}\n${error}\nnext: do something\n{"a":1}\n`)
    expect(lastWords(log, before.length)).toBe(error)
  })

  test('are the last line that is no JSON when there is no error, and nothing for silence', () => {
    writeFileSync(log, 'Killed\n{"event":"x"}\n')
    expect(lastWords(log, 0)).toBe('Killed')
    expect(lastWords(log, 7)).toBeUndefined()
    expect(lastWords(log, 10_000)).toBeUndefined()
  })

  test('become the error they tell', () => {
    const line = 'QUORATE_PORT_IN_USE: another process listens on this port: 127.0.0.1:1'
    expect(errorOfLine(line)).toMatchObject({ code: 'QUORATE_PORT_IN_USE', detail: '127.0.0.1:1' })
    expect(errorOfLine('QUORATE_NO_SUCH_CODE: text')).toBeUndefined()
    expect(errorOfLine('Killed')).toBeUndefined()
    expect(errorOfLine(undefined)).toBeUndefined()
  })
})
