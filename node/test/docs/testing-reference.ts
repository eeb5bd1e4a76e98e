// The tables of docs/reference/testing.md: the interfaces and classes of `quorate/testing` with their
// comments, its faults and its reasons.
import { fileURLToPath } from 'node:url'
import { faultTable } from '../../src/testing/fault.ts'
import { testClusterReasons } from '../../src/testing/test-cluster-error.ts'
import { membersOf } from './members.ts'

interface Part {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Interfaces and classes by the files that hold them. */
const files: Readonly<Record<string, string>> = {
  TestClusterOptions: 'test-cluster-options',
  TestCluster: 'test-cluster',
  CrashOptions: 'test-cluster-options',
  PauseOptions: 'test-cluster-options',
  CorruptOptions: 'test-cluster-options',
  FillDiskOptions: 'test-cluster-options',
  UntilOptions: 'test-cluster-options',
  ProcessContext: 'user-process',
  ProcessOptions: 'user-process',
  ProcessStore: 'process-store',
  ProcessHandle: 'test-cluster-options',
  TimelineEntry: 'timeline',
  Fault: 'fault',
  FaultPlan: 'fault',
  FaultOptions: 'fault-arbitrary',
  FaultPlanOptions: 'fault-arbitrary',
  ChaosOptions: 'chaos',
  ChaosTestOptions: 'chaos-test',
  ChaosReport: 'chaos',
  ChaosFailure: 'chaos-failure',
}

export const testingParts: Readonly<Record<string, () => Part>> = {
  'testing faults': () => ({
    headings: ['Fault', 'Roles it takes', 'Meaning'],
    rows: Object.entries(faultTable).map(([kind, { targets, meaning }]) => [
      `\`${kind}\``,
      targets.join(', '),
      meaning,
    ]),
  }),
  'testing reasons': () => ({
    headings: ['Reason', 'Meaning'],
    rows: Object.entries(testClusterReasons).map(([reason, text]) => [`\`${reason}\``, text]),
  }),
  ...Object.fromEntries(
    Object.entries(files).map(([name, file]) => [`testing ${name}`, () => members(name, file)]),
  ),
}

function members(name: string, file: string): Part {
  const path = fileURLToPath(new URL(`../../src/testing/${file}.ts`, import.meta.url))
  const rows = membersOf(path, name).map(({ signature, about }) => [`\`${signature}\``, about])
  return { headings: ['Member', 'Meaning'], rows }
}
