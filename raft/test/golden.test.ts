// Golden scripts: testdata/*.txt hold commands (the language is described in
// ../src/testing/script.ts), a line of dashes, and the full trace of what happened. A change of
// behaviour shows as a change of a trace. `UPDATE_GOLDEN=1` rewrites the traces: review the diff.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runScript } from '../src/testing/index.ts'

const folder = new URL('./testdata/', import.meta.url)
const rule = `${'-'.repeat(80)}\n`
const isUpdate = process.env['UPDATE_GOLDEN'] === '1'

describe('golden scripts', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'))

  test('are found', () => {
    expect(names.length).toBeGreaterThanOrEqual(6)
  })

  test.each(names)('%s runs as recorded', (name) => {
    const file = new URL(name, folder)
    const [script = '', recorded = ''] = readFileSync(file, 'utf8').split(rule)
    const trace = runScript(script)
    if (isUpdate) writeFileSync(file, `${script}${rule}${trace}`)
    else expect(trace).toBe(recorded)
  })
})
