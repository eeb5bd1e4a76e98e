// Clusters of a test, ended with it also when it fails or runs out of time.

import { PlannedCluster, type PlannedOptions } from 'quorate/laboratory'
import { onTestFinished, type TestContext } from 'vitest'
import { DevCluster, type DevOptions } from '../../src/process/dev-cluster.ts'

export async function devCluster(options: DevOptions = {}): Promise<DevCluster> {
  return stoppedAfterwards(await DevCluster.start(options))
}

export async function plannedCluster(options: PlannedOptions = {}): Promise<PlannedCluster> {
  return stoppedAfterwards(await PlannedCluster.start(options))
}

/** `finished`: of the context, for tests that run side by side. */
export function stoppedAfterwards<Owned extends { stop(): Promise<void> }>(
  owned: Owned,
  finished: TestContext['onTestFinished'] = onTestFinished,
): Owned {
  finished(() => owned.stop(), 60_000)
  return owned
}
