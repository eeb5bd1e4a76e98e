// `quorate storage verify` over a real folder, as a script would use it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createNodeDisk } from '../../src/storage/disk-node.ts'
import { formatNode } from '../../src/storage/format.ts'
import { lockDataFolder } from '../../src/storage/lock-node.ts'
import { testPlan } from '../storage/harness.ts'
import { script } from './command-line.ts'

test('ends with 0 for a clean folder and 1 for a damaged one, and refuses one in use', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'quorate-verify-'))
  const folder = join(parent, 'n1')
  const verify = () =>
    spawnSync(process.execPath, [script, 'storage', 'verify', folder], { encoding: 'utf8' })
  try {
    formatNode(createNodeDisk(), testPlan(), 'n1', folder)
    expect(verify()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/no damage found\n$/),
    })
    const lock = await lockDataFolder(folder)
    const refused = verify()
    expect(refused.stderr).toContain('QUORATE_DATA_IN_USE')
    expect(refused.status).not.toBe(0)
    lock.release()
    truncateSync(join(folder, 'manifest.B'), 10)
    expect(verify()).toMatchObject({ status: 1, stdout: expect.stringMatching(/DAMAGE FOUND\n$/) })
  } finally {
    rmSync(parent, { recursive: true })
  }
})
