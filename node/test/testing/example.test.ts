// The example that the how-to shows is what these run, as users do.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { runCommand } from 'quorate/laboratory'
import { expect, test } from 'vitest'
import { repository } from '../docs/reference.ts'

const folder = resolve(repository, 'examples/chaos-handlers')
const options = { timeoutMs: 120_000 }

test('naive billing is caught charging twice by one or two faults, idempotent billing holds', async () => {
  const main = resolve(folder, 'main.ts')
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [main, '--runs', '60'],
    options,
  )
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(/^Error: order-\d was charged 2 times$/m)
  expect(stdout).toMatch(/; [12] of \d+ faults (?:is|are) enough/)
  expect(stdout).toMatch(/^ +\d+ ms {2}billing is killed$/m)
  expect(stdout).toMatch(/^idempotent billing: 60 runs hold/m)
}, 120_000)

test('its tests pass under the test runner of Node, chaosTest among them', async () => {
  const files = ['billing.test.ts', 'restart.test.ts'].map((name) => resolve(folder, name))
  const { exitCode, stdout } = await runCommand(
    process.execPath,
    ['--test', '--test-reporter=tap', ...files],
    { ...options, environment: { VITEST: '' } },
  )
  expect(stdout).toMatch(/^ *ok \d - each order is charged once$/m)
  expect(stdout).toMatch(
    /^ *ok \d - billing goes on after its machine and the leader were killed$/m,
  )
  expect(exitCode).toBe(0)
}, 120_000)

test('code in the how-to is code of the example', () => {
  const text = readFileSync(resolve(repository, 'docs/how-to/test-your-handlers.md'), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)]
  expect(blocks.length).toBeGreaterThanOrEqual(4)
  for (const [, name, code] of blocks) {
    expect(readFileSync(resolve(folder, name!), 'utf8'), name).toContain(code!.trim())
  }
  expect([...text.matchAll(/^```ts$/gm)].length).toBe(blocks.length)
})
