// When V8 collects garbage in a node. Records lie in array buffers outside of V8's heap: up to a
// hundred MiB are held on purpose, while the heap itself is small. By default V8 begins a full
// collection for each 64 MiB of new buffers, several times a second under load, which cost more CPU
// than everything else a node does. Counted together with the heap, buffers may double first.
import { setFlagsFromString } from 'node:v8'

const flags = ['--external-memory-accounted-in-global-limit', '--heap-growing-percent=100'] as const

/** V8 promises nothing about its flags: these were measured with the one in Node.js 24. */
const measuredVersion = /^24\./

export function tuneGarbageCollection(): void {
  if (!measuredVersion.test(process.versions.node)) return
  for (const flag of flags) setFlagsFromString(flag)
}
