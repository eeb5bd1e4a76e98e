// Entry of a worker process: carries out one task after the other and tells the process that started
// it. Ctrl-C in a terminal reaches the whole group: the parent decides what that means, and a worker
// ends when its channel does.
import { runPlan } from '../cluster/run-plan.ts'
import type { RunSummary } from '../cluster/run-result.ts'
import { counts } from '../cluster/totals.ts'
import type { Plan } from '../plan/plan.ts'
import { planOfSeed, shrinkPlan } from '../plan/plan-of-seed.ts'
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
  let smallest: ShrinkAnswer = { plan, violations: runPlan(plan).violations, tries: 1 }
  if (smallest.violations.length === 0) return smallest
  tell({ told: 'smaller', answer: smallest })
  let { tries } = smallest
  const fails = (candidate: Plan): boolean => {
    tries += 1
    const { violations } = runPlan(candidate)
    if (violations.length === 0) return false
    smallest = { plan: candidate, violations, tries }
    tell({ told: 'smaller', answer: smallest })
    return true
  }
  shrinkPlan(plan, fails, limitMs)
  return { ...smallest, tries }
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
