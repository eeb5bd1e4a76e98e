// What the core of the client takes from outside: time, turns, randomness, links. The core itself
// is synchronous and touches nothing else, so the simulator drives it as it is. Real parts:
// host-node.ts and link-nats.ts.
import type { Host, Random } from '@quorate/actors'
import type { ClientLimits } from '../limits.ts'
import type { LinkOpener } from '../link.ts'
import type { ClientProbe } from './probes.ts'

export interface Environment {
  readonly host: Host
  readonly random: Random
  readonly opener: LinkOpener
  readonly limits: ClientLimits
  readonly probe: ClientProbe
}
