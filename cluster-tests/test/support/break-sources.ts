// Loaded before anything else (`node --import`): breaks a source file of this process, and of the
// processes it starts, as the variable CHAOS_PATCH says. For tests that need a violation or a crash.
import { patchSources } from '../../src/mutants/loader.ts'
import type { Patch } from '../../src/mutants/mutant.ts'

/** The environment of a command that runs with the patches. */
export function broken(...patches: readonly Patch[]): Readonly<Record<string, string>> {
  return {
    NODE_OPTIONS: `--import=${import.meta.url}`,
    CHAOS_PATCH: JSON.stringify(patches),
  }
}

const patches = process.env['CHAOS_PATCH']
if (patches !== undefined) {
  patchSources({ name: 'broken', patches: JSON.parse(patches) as readonly Patch[] })
}
