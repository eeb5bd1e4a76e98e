// `node scripts/tidy.ts [FOLDER]`: the house rules no compiler or linter knows. Prints one line per
// finding; exits 1 when one of them is an error. The rules are in tidy/, each a function over the
// files, tested on small bad repositories in cluster-tests/test/tidy.test.ts.
import { resolve } from 'node:path'
import { print } from './tidy/finding.ts'
import { checkAll } from './tidy/index.ts'
import { loadRepository } from './tidy/repository.ts'

const root = resolve(process.argv[2] ?? resolve(import.meta.dirname, '..'))
const found = checkAll(loadRepository(root))
for (const line of found.map(print)) console.error(line)
const errors = found.filter(({ severity }) => severity === 'error').length
if (errors > 0) console.error(`tidy: ${errors} errors`)
process.exitCode = errors > 0 ? 1 : 0
