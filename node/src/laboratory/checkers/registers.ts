// Registers of metadata (whether a topic exists, what a setting is) are linearizable, each by itself:
// there is an order of its calls, each between its invocation and its answer, in which one register
// answers so, beginning with null. read: gives what it holds. write: it holds `to` from then on.
// compare-and-set: when it holds `from` it holds `to` from then on, else nothing happens; an answer
// with a value tells what it held. A failed call took no effect and is left out, as is a read without
// an answer; an unknown one may take effect at any moment behind its invocation, or never.
//
// nonlinearizable-register names the first answer up to which there is no such order.
// unchecked-register: the search gave up, and nothing is known.
import type { Findings } from '../history/anomaly.ts'
import type { RegisterValue } from '../history/event.ts'
import type { Facts } from '../history/facts.ts'
import { type Interval, type Linearizability, linearizability } from '../history/linearize.ts'
import type { RegisterOperation } from '../history/operations.ts'

const stepsMax = 200_000

/** One register, as calls see it. */
const register = {
  initial: null as RegisterValue,
  step(state: RegisterValue, { call, value }: RegisterOperation): RegisterValue | undefined {
    if (call.do === 'read') return value === state ? state : undefined
    if (call.do === 'write') return call.to
    if (value === undefined) return state === call.from ? call.to : undefined
    if (value !== state) return undefined
    return value === call.from ? call.to : state
  },
}

export function checkRegisters({ operations }: Facts, findings: Findings): void {
  const byName = new Map<string, RegisterOperation[]>()
  for (const operation of operations.registers) {
    const { call, outcome } = operation
    if (outcome === 'failed' || (outcome === 'unknown' && call.do === 'read')) continue
    const calls = byName.get(call.register)
    if (calls === undefined) byName.set(call.register, [operation])
    else calls.push(operation)
  }
  for (const [name, calls] of byName) check(name, calls, findings)
}

function check(name: string, calls: readonly RegisterOperation[], findings: Findings): void {
  const verdict = upTo(calls, Infinity)
  if (verdict === 'linearizable') return
  if (verdict === 'unknown') {
    findings.add('unchecked-register', `${name}: ${calls.length} calls are too many to order`, [])
    return
  }
  const { process, call, value, index, answerIndex } = firstBad(calls)
  const what = value === undefined ? call.do : `${call.do} with the answer ${String(value)}`
  const text = `${name}: nothing explains what came before and ${what} by ${process}`
  findings.add('nonlinearizable-register', text, [index, answerIndex])
}

/** The first answer up to which there is no order. What is not linearizable stays so. */
function firstBad(calls: readonly RegisterOperation[]): RegisterOperation {
  const answered = calls
    .filter(({ outcome }) => outcome === 'acked')
    .sort((a, b) => a.answerIndex - b.answerIndex)
  let [low, high] = [0, answered.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (upTo(calls, answered[middle]!.answerIndex) === 'not linearizable') high = middle
    else low = middle + 1
  }
  return answered[low]!
}

/** As seen just behind an event: what was not answered by then is open. */
function upTo(calls: readonly RegisterOperation[], lastIndex: number): Linearizability {
  const intervals: Interval<RegisterOperation>[] = []
  for (const call of calls) {
    const { index, answerIndex, outcome } = call
    if (index > lastIndex) continue
    const isAnswered = outcome === 'acked' && answerIndex <= lastIndex
    if (!isAnswered && call.call.do === 'read') continue
    intervals.push({
      call: isAnswered ? call : { ...call, value: undefined },
      calledAt: index,
      returnedAt: isAnswered ? answerIndex : Infinity,
    })
  }
  return linearizability(intervals, register, stepsMax)
}
