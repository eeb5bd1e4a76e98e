import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { planKinds, planOfSeed, runPlan } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import type { EntropyAnswer } from '../src/entropy/entropy-main.ts'
import { leaks } from '../src/entropy/leaks.ts'

const program = fileURLToPath(new URL('../src/entropy/entropy-main.ts', import.meta.url))
const seed = 3
const limitMs = 180_000

/** In a process of its own, since clocks and timers are replaced before anything else is loaded. */
function ask(...commandLine: readonly string[]): Promise<EntropyAnswer> {
  return new Promise((answer, fail) => {
    execFile(process.execPath, [program, ...commandLine], (error, stdout) => {
      if (error === null) answer(JSON.parse(stdout) as EntropyAnswer)
      else fail(error)
    })
  })
}

describe('while a simulation runs', () => {
  test('plans of every kind read no clock, timer, turn, randomness or locale but their own', {
    timeout: limitMs,
  }, async () => {
    const found = await ask('none', ...planKinds.map((kind) => `${kind}:${seed}`))
    expect(found.leaks).toEqual([])
    expect(found.violations).toEqual([])
    expect(found.hashes).toHaveLength(planKinds.length)
    expect(found.hashes[0]).toBe(runPlan(planOfSeed(seed, planKinds[0])).hash)
  })

  // Not in vain: each kind of source, read in the core, the runtime, the node, the client and the
  // simulation, also through a function held since the start and where the error is swallowed.
  test.each(leaks)('a planted $name in $file is found', { timeout: limitMs }, async ({ name }) => {
    const found = await ask(name, `${planKinds[0]}:${seed}`)
    expect(found.leaks[0]).toContain(`${name} was read`)
  })
})
