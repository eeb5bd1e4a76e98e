// Leaks as patches of source text, to see that the guard finds them: each kind of source once, in the
// folders that decide. They are put in by the loader of the mutants.
import type { Patch } from '../mutants/mutant.ts'

export interface Leak extends Patch {
  /** What is read. */
  readonly name: string
}

const stepLine = '  dispatch(raft, input)\n'

export const leaks: readonly Leak[] = [
  {
    name: 'Date.now',
    file: 'raft/src/step.ts',
    find: stepLine,
    replace: `  Date.now()\n${stepLine}`,
  },
  {
    name: 'new Date',
    file: 'raft/src/step.ts',
    find: stepLine,
    replace: `  new Date()\n${stepLine}`,
  },
  {
    name: 'Math.random',
    file: 'actors/src/mailbox.ts',
    find: '  push(message: unknown): void {\n',
    replace: '  push(message: unknown): void {\n    Math.random()\n',
  },
  {
    // Held since the module was loaded, and what it throws is swallowed.
    name: 'performance.now',
    file: 'node/src/replication/apply-feed.ts',
    find: 'export class ApplyFeed {\n',
    replace:
      'const held = performance.now.bind(performance)\nconst swallowed = () => { try { held() } catch {} }\nexport class ApplyFeed {\n  readonly leaking = swallowed()\n',
  },
  {
    name: 'node:crypto.randomBytes',
    file: 'node/src/mesh/handshake.ts',
    find: "import { createHmac, timingSafeEqual } from 'node:crypto'\n",
    replace:
      "import { createHmac, randomBytes, timingSafeEqual as equal } from 'node:crypto'\nconst timingSafeEqual: typeof equal = (one, other) => randomBytes(1).length > 0 && equal(one, other)\n",
  },
  {
    name: 'setTimeout',
    file: 'client/src/core/lane.ts',
    find: '  trim(): void {\n',
    replace: '  trim(): void {\n    setTimeout(() => {}, 0)\n',
  },
  {
    name: 'process.hrtime',
    file: 'node/src/simulation/simulated-disk.ts',
    find: 'export class SimulatedDisk {\n',
    replace: 'export class SimulatedDisk {\n  readonly leaking = process.hrtime()\n',
  },
]
