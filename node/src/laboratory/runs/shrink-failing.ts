// Makes a failing plan smaller in a worker process, so that it can be watched, ended early and
// survive a plan that takes its process down.
import type { Plan } from '../plan/plan.ts'
import type { ShrinkAnswer } from './task.ts'
import { WorkerEnded, WorkerProcess } from './worker-process.ts'

export interface Shrinking {
  readonly plan: Plan
  /** Of real time; then the smallest so far is taken. */
  readonly limitMs: number
  /** Aborted: the smallest so far is taken. */
  readonly signal?: AbortSignal | undefined
  /** Called with each smaller plan that still fails. */
  readonly onSmaller?: (answer: ShrinkAnswer) => void
}

/** Gives the plan back with no violations when it does not fail, or when there was no time to see. */
export async function shrinkFailing(shrinking: Shrinking): Promise<ShrinkAnswer> {
  const { plan, limitMs, signal, onSmaller = () => {} } = shrinking
  if (signal?.aborted === true) return { plan, violations: [], tries: 0 }
  const worker = new WorkerProcess()
  const stop = (): void => worker.stop()
  signal?.addEventListener('abort', stop)
  let smallest: ShrinkAnswer | undefined
  try {
    return await worker.shrink(plan, limitMs, (answer) => {
      smallest = answer
      onSmaller(answer)
    })
  } catch (error) {
    if (!(error instanceof WorkerEnded)) throw error
    return smallest ?? { plan, violations: [error.message], tries: 1 }
  } finally {
    signal?.removeEventListener('abort', stop)
    worker.stop()
  }
}
