// The example that the how-to shows is what these run, as users do.
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
    [main, '--runs', '100'],
    options,
  )
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(/^Error: order-\d was charged 2 times$/m)
  expect(stdout).toMatch(/; [12] of \d+ faults (?:is|are) enough/)
  expect(stdout).toMatch(/^ +\d+ ms {2}billing is killed$/m)
  expect(stdout).toMatch(/^idempotent billing: 100 runs hold/m)
}, 120_000)

test('chaosTest registers with the test runner of Node', async () => {
  const environment = { VITEST: '' }
  const file = resolve(folder, 'billing.test.ts')
  const command = ['--test', '--test-reporter=tap', file]
  const { exitCode, stdout } = await runCommand(process.execPath, command, {
    ...options,
    environment,
  })
  expect(stdout).toMatch(/^ok 1 - each order is charged once$/m)
  expect(exitCode).toBe(0)
}, 120_000)
