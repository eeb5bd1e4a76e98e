// The door for users' tests: `quorate/testing`. Clusters in one process under virtual time, faults,
// and what judges a history. The machinery behind it is in laboratory/ and simulation/.
export { type FaultName, faultNames } from '../laboratory/plan/fault-table.ts'
export { type Plan, parsePlan } from '../laboratory/plan/plan.ts'
