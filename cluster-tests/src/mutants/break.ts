// Loaded before anything else (`node --import`): puts the bug that CHAOS_MUTANT names into this process
// and the processes it starts, so that any command can be watched with it. docs/how-to/read-a-trace.md
// does that.
import { patchSources } from './loader.ts'
import { mutantOf } from './table.ts'

patchSources(mutantOf(process.env['CHAOS_MUTANT'] ?? ''))
