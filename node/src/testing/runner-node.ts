// The test runner of Node, loaded when somebody wants it: loading it for tests of another runner would
// register them where nobody looks.
import { invalid } from './invalid.ts'

type Test = (name: string, run: () => Promise<void>) => unknown

export function nodeTestRunner(): Test {
  if (process.env['VITEST'] === 'true') {
    throw invalid('under vitest, give its `test`: chaosTest(name, scenario, { test })')
  }
  return process.getBuiltinModule('node:test').test
}
