import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parsePlan, runPlan } from 'quorate/laboratory'
import { expect, test } from 'vitest'

const folder = resolve(import.meta.dirname, '../regressions')
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

test.each(names)('the plan %s, which once failed, holds', (name) => {
  const plan = parsePlan(JSON.parse(readFileSync(resolve(folder, name), 'utf8')))
  expect(runPlan(plan).violations).toEqual([])
})
