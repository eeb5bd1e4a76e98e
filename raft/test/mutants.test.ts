// Known bugs, put back into the core, must be found: each mutant of mutants/table.ts runs in a child
// process, patched while it loads. `RAFT_MUTANTS=long` gives the random schedules ten times the budget.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { patchedText } from './mutants/loader.ts'
import type { Catch } from './mutants/mutant-main.ts'
import { mutants } from './mutants/table.ts'

const run = promisify(execFile)
const main = resolve(import.meta.dirname, 'mutants/mutant-main.ts')
const sources = resolve(import.meta.dirname, '../src')
const factor = process.env['RAFT_MUTANTS'] === 'long' ? 10 : 1

async function hunt(name: string, budget: number): Promise<Catch> {
  const { stdout } = await run(process.execPath, [main, name, String(budget)])
  return JSON.parse(stdout) as Catch
}

describe('the table', () => {
  test('holds at least twelve of the known bugs, and each patch has its one place', () => {
    const bugs = new Set(mutants.map(({ bug }) => bug).filter((bug) => bug > 0))
    expect(bugs.size).toBeGreaterThanOrEqual(12)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    for (const mutant of mutants) {
      const text = readFileSync(resolve(sources, mutant.file), 'utf8')
      expect(patchedText(mutant, text)).not.toBe(text)
    }
  })

  test('a patch without a place is an error', () => {
    const mutant = { ...mutants[0]!, patches: [['not in the file', '']] as const }
    expect(() => patchedText(mutant, 'text')).toThrow('holds 0 times')
  })
})

describe.concurrent('is found', () => {
  test.each(mutants)(
    '$name [$bug]',
    async ({ name, budget = 0 }) => {
      const { violation, tries } = await hunt(name, budget * factor)
      expect(violation, `after ${tries} tries`).toBeDefined()
    },
    120_000,
  )
})
