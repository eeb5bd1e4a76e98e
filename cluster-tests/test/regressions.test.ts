import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parsePlan } from '../src/plan.ts'
import { runPlan } from '../src/run-plan.ts'

const folder = resolve(import.meta.dirname, '../regressions')
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

test.each(names)('the plan %s, which once failed, holds', (name) => {
  const plan = parsePlan(JSON.parse(readFileSync(resolve(folder, name), 'utf8')))
  expect(runPlan(plan).violations).toEqual([])
})
