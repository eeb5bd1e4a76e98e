// The leader of a partition as a client can use it: node, address and term. A hint, never a promise.
import type { GroupId } from '../storage/log-entry.ts'
import type { Broker } from './broker.ts'

export interface LeaderLocation {
  readonly node: string
  readonly address: string
  readonly term: number
}

export function leaderHint(broker: Broker, group: GroupId): LeaderLocation | undefined {
  const hint = broker.leaders.get(group)
  if (hint?.node === undefined) return undefined
  const address = broker.addressOf(hint.node)
  return address === undefined ? undefined : { node: hint.node, address, term: hint.term }
}
