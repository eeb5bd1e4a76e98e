// The near end of a worker process: gives it one task at a time and says when it ended instead of
// answering, or did not answer within the limit. A process of its own can run out of memory, crash or
// hang without taking the report with it.
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plan } from '../plan/plan.ts'
import type { PlanKind } from '../plan/plan-kinds.ts'
import type { RunAnswer, ShrinkAnswer, Task, Told } from './task.ts'

const script = fileURLToPath(new URL(`./worker${extname(import.meta.filename)}`, import.meta.url))
/** Simulations are bounded in events: one that takes so long in real time never ends. */
const answerLimitMs = 600_000

/** It ended, or had to be ended; the message says how. */
export class WorkerEnded extends Error {
  override readonly name: string = 'WorkerEnded'
}

export class WorkerProcess {
  #child: ChildProcess | undefined
  #why: string | undefined

  /** Rejects with WorkerEnded when there is no answer; the next task starts another process. */
  async run(kind: PlanKind, seed: number): Promise<RunAnswer> {
    return (await this.#ask({ task: 'run', kind, seed }, answerLimitMs)) as RunAnswer
  }

  /** Likewise. `smaller` is called with each smaller plan that fails, the given one first. */
  async shrink(
    plan: Plan,
    limitMs: number,
    smaller: (answer: ShrinkAnswer) => void,
  ): Promise<ShrinkAnswer> {
    const task = { task: 'shrink', plan, limitMs } as const
    return (await this.#ask(task, answerLimitMs + limitMs, smaller)) as ShrinkAnswer
  }

  /** Ends the process, whatever it is doing. */
  stop(): void {
    this.#kill('stopped')
  }

  #ask(
    task: Task,
    limitMs: number,
    smaller?: (answer: ShrinkAnswer) => void,
  ): Promise<RunAnswer | ShrinkAnswer> {
    const child = this.#start()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#kill(`no answer after ${limitMs / 1000} s`), limitMs)
      const settle = (): void => {
        clearTimeout(timer)
        child.removeAllListeners()
      }
      const ended = (how: string): void => {
        settle()
        this.#child = undefined
        reject(new WorkerEnded(this.#why ?? how))
      }
      child.on('message', (told: Told) => {
        if (told.told === 'smaller') smaller?.(told.answer)
        else {
          settle()
          if (told.told === 'answer') resolve(told.answer)
          else reject(new WorkerEnded(told.text))
        }
      })
      child.on('error', (error) => ended(error.message))
      child.on('exit', (code, signal) =>
        ended(`the process ended: ${signal ?? `exit code ${code}`}`),
      )
      child.send(task)
    })
  }

  #kill(why: string): void {
    this.#why = why
    this.#child?.kill('SIGKILL')
  }

  #start(): ChildProcess {
    this.#why = undefined
    // Options of this process (of a test runner, a debugger) are not meant for it.
    this.#child ??= fork(script, [], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    return this.#child
  }
}
