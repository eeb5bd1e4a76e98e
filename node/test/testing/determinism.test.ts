// One seed, one run, whatever the machine does: the same scenario in processes of their own that
// differ in speed, folder and time zone.
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { runCommand } from 'quorate/laboratory'
import { expect, test } from 'vitest'

const program = resolve(import.meta.dirname, 'support/scenario-hash.ts')

async function hashOf(
  seed: number,
  busyTurns: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const args = [program, String(seed), String(busyTurns)]
  const options = { environment, folder: tmpdir(), timeoutMs: 60_000 }
  const { stdout, stderr } = await runCommand(process.execPath, args, options)
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^\d+ \d+ [0-9a-f]{16}$/m)
  return stdout
}

test('a scenario with processes and faults has one hash per seed, in idle and in busy processes', async () => {
  const idle = await hashOf(11, 0)
  expect(await hashOf(11, 400, { TZ: 'Asia/Kathmandu' })).toBe(idle)
  expect(await hashOf(12, 0)).not.toBe(idle)
}, 120_000)
