// Tells a topic that is no more from one this node has not heard of yet. A topic's id is the index of
// the metadata entry that created it, so a node that has applied this index knows.
import type { Broker } from './broker.ts'

export function isDeleted(broker: Broker, topicId: number): boolean {
  const machine = broker.metadata()
  return topicId <= machine.applied.index && machine.topicById(topicId) === undefined
}
