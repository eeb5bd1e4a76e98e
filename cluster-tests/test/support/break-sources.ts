// Loaded before anything else (`node --import`): breaks a source file of this process, and of the
// processes it starts, as the variable CHAOS_PATCH says. For tests that need a violation or a crash.
import { patchSources } from '../../src/mutants/loader.ts'

export interface Patch {
  /** From the repository's folder. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** The environment of a command that runs with the patch. */
export function broken(patch: Patch): Readonly<Record<string, string>> {
  return {
    NODE_OPTIONS: `--import=${import.meta.url}`,
    CHAOS_PATCH: JSON.stringify(patch),
  }
}

const patch = process.env['CHAOS_PATCH']
if (patch !== undefined) patchSources({ name: 'patch', harm: '', ...(JSON.parse(patch) as Patch) })
