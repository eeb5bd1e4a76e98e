// Every name that a probe of a simulated cluster may be asked by: rare branches of nodes and clients,
// and sites where a run may make a rare choice for them. And which sites a plan provokes: without a
// field none, by name those named, `drawn` each in a quarter (the seldom ones in half) of all seeds, by
// seed and name alone, so that the others stay as they are when one is taken away.
import { keyedRandom } from '@quorate/actors'
import { clientProbes } from '@quorate/client/testing'
import { nodeProbes } from '../../probes.ts'

const reached = { ...nodeProbes.reached, ...clientProbes.reached }
const provoke = { ...nodeProbes.provoke, ...clientProbes.provoke }

/** Meanings by name. */
export const probeTable = { reached, provoke } as const

export type ProvokeSite = keyof typeof provoke
export type ProbeName = keyof typeof reached | ProvokeSite

export const provokeSites = Object.keys(provoke).sort() as readonly ProvokeSite[]
export const probeNames = [...Object.keys(reached).sort(), ...provokeSites] as readonly ProbeName[]

/** What a plan says about sites. */
export type Provoked = 'none' | 'drawn' | readonly ProvokeSite[]

/** Sites that few runs come to at all, and those few times. */
const seldomAsked: ReadonlySet<string> = new Set<ProvokeSite>([
  'membership.hand-over-left-out',
  'raft.snapshot-chunk-small',
  'replica.snapshot-instead',
])

/** A site is on in one of so many seeds, and where it is on it fires once in as many times. */
export function provokeOneIn(site: string): number {
  return seldomAsked.has(site) ? 2 : 4
}

export function isProvoked(value: unknown): value is Provoked {
  if (value === 'none' || value === 'drawn') return true
  return Array.isArray(value) && value.every((site) => Object.hasOwn(provoke, String(site)))
}

/** The sites that are on. */
export function sitesOf(plan: {
  readonly seed: number
  readonly provoke?: Provoked
}): readonly ProvokeSite[] {
  const { provoke: chosen = 'none' } = plan
  if (chosen === 'none') return []
  if (chosen !== 'drawn') return chosen
  const random = keyedRandom(String(plan.seed))
  return provokeSites.filter((site) => random.integer(`probe/${site}/on`, provokeOneIn(site)) === 0)
}
