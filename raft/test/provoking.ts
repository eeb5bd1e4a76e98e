// A probe for random schedules: makes each rare choice in a quarter of the cases, by seed, site and
// count, until the faults end, and remembers what it met.
import type { RaftProbe } from '../src/probes.ts'
import { keyedDraw } from '../src/testing/index.ts'

type Branch = Parameters<RaftProbe['reached']>[0]
type Site = Parameters<RaftProbe['provoke']>[0]

export class Provoking implements RaftProbe {
  readonly met = new Set<Branch | Site>()
  private readonly draw: ReturnType<typeof keyedDraw>
  private stopped = false

  constructor(seed: number) {
    this.draw = keyedDraw(seed)
  }

  reached(branch: Branch): void {
    this.met.add(branch)
  }

  provoke(site: Site): boolean {
    if (this.stopped || this.draw(site, 4) !== 0) return false
    this.met.add(site)
    return true
  }

  stop(): void {
    this.stopped = true
  }
}
