// Whether tests of power cuts can run here. On CI they must: then a missing compiler is a failure.
import { powerCutProblem } from '../../src/power-cut/library.ts'

/** `tests`: how many are skipped without it. */
export function hasPowerCut(tests: number): boolean {
  const problem = powerCutProblem()
  if (problem === undefined) return true
  if (process.env['CI'] !== undefined) return true
  process.stderr.write(`SKIPPED ${tests}: ${problem}\n`)
  return false
}
