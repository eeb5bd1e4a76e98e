// `chaosTest`: a chaos run as a test of the runner at hand. There is no dependency on any runner: it is
// handed in, or it is the one of Node.
import type { Duration } from '@quorate/client'
import { durationMs } from '@quorate/client/testing'
import { type ChaosOptions, runChaos, type Scenario } from './chaos.ts'
import { nodeTestRunner } from './runner-node.ts'

/** `test` of vitest, of node:test, and of others that take a name and a function. */
export type TestRunner = (name: string, run: () => Promise<void>, timeoutMs: number) => unknown

/** Options of `chaosTest`. */
export interface ChaosTestOptions extends ChaosOptions {
  /** Registers the test. Default: `test` of node:test; under vitest it must be given. */
  readonly test?: TestRunner
  /** Real time for all runs and for making a failing plan smaller, for runners that bound it. Default `'5m'`. */
  readonly timeout?: Duration
}

/** Registers a test that runs the scenario under drawn faults; see `runChaos`. */
export function chaosTest(name: string, scenario: Scenario, options: ChaosTestOptions = {}): void {
  const { test = nodeTestRunner(), timeout = '5m', ...chaos } = options
  const run = async (): Promise<void> => {
    await runChaos(name, scenario, chaos)
  }
  test(name, run, durationMs('timeout', timeout))
}
