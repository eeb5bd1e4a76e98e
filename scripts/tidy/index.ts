// The list of rules, in the order in which they report.
import { checkBans } from './bans.ts'
import { checkDeadFiles } from './dead-files.ts'
import { checkDirection } from './direction.ts'
import { checkErrorCodes } from './error-codes.ts'
import type { Finding } from './finding.ts'
import { checkMarkdown } from './markdown.ts'
import type { Repository } from './repository.ts'
import { checkFileSizes, checkFunctionSizes } from './sizes.ts'
import { checkHeaders, checkLeftovers } from './text.ts'

const rules = [
  checkFileSizes,
  checkFunctionSizes,
  checkDirection,
  checkDeadFiles,
  checkBans,
  checkHeaders,
  checkLeftovers,
  checkMarkdown,
  checkErrorCodes,
]

export function checkAll(repository: Repository): Finding[] {
  return rules.flatMap((rule) => rule(repository))
}
