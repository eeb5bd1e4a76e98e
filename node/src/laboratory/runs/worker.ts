// Entry of a worker process: carries out one task after the other and tells the process that started
// it. Ctrl-C in a terminal reaches the whole group: the parent decides what that means, and a worker
// ends when its channel does.
import { runPlan } from '../cluster/run-plan.ts'
import type { RunSummary } from '../cluster/run-result.ts'
import { counts } from '../cluster/totals.ts'
import type { Plan } from '../plan/plan.ts'
import { planOfSeed } from '../plan/plan-of-seed.ts'
import { type Shrinking, shrinkPlan } from '../plan/smallest-plan.ts'
import type { RunAnswer, ShrinkAnswer, Task, Told } from './task.ts'

function carryOut(task: Task): RunAnswer | ShrinkAnswer {
  return task.task === 'run' ? runSeed(task) : shrink(task)
}

function runSeed({ kind, seed }: Task & { task: 'run' }): RunAnswer {
  const startMs = performance.now()
  const { history: _, ...summary } = runPlan(planOfSeed(seed, kind))
  const realMs = performance.now() - startMs
  return { counted: counts(summary satisfies RunSummary), realMs, summary }
}

function shrink({ plan, limitMs }: Task & { task: 'shrink' }): ShrinkAnswer {
  const violated = (candidate: Plan) => runPlan(candidate).violations
  const violations = violated(plan)
  // The run of the given plan counts too.
  const answerOf = ({ runs, ...smallest }: Shrinking): ShrinkAnswer => {
    return { ...smallest, tries: runs + 1 }
  }
  const given = answerOf({ plan, violations, runs: 0 })
  if (violations.length === 0) return given
  const onSmaller = (shrinking: Shrinking): void => {
    tell({ told: 'smaller', answer: answerOf(shrinking) })
  }
  tell({ told: 'smaller', answer: given })
  return answerOf(shrinkPlan(plan, violations, violated, limitMs, onSmaller))
}

function tell(told: Told): void {
  process.send?.(told)
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', (task: Task) => {
  try {
    tell({ told: 'answer', answer: carryOut(task) })
  } catch (error) {
    tell({ told: 'error', text: error instanceof Error ? String(error.stack) : String(error) })
  }
})
