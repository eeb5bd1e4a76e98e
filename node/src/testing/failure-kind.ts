// Which failures of a scenario are of one kind, so that a plan that is made smaller still fails for the
// same reason: those of one class, of the same words but for values, and of the same line of user code.
import { violationKind } from '../laboratory/plan/violation-kind.ts'
import { userPlace } from './stack-place.ts'
import { TestClusterError } from './test-cluster-error.ts'

export function failureKind(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const reason = error instanceof TestClusterError ? error.reason : ''
  // What a process threw says where.
  const thrown = reason !== '' && error.cause instanceof Error ? error.cause : error
  const place = userPlace(thrown.stack ?? '') ?? ''
  return [error.name, reason, violationKind(error.message), place].join(' | ')
}
