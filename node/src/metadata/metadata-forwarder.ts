// Carries metadata proposals and reads of this node to the leader's node, one attempt each, as
// questions between nodes. Retrying is the metadata actor's business.
import type { Broker } from '../handlers/broker.ts'
import { indexAnswer, proposalAnswer } from '../handlers/node-answers.ts'
import { proposeQuestion, readQuestion } from '../handlers/node-requests.ts'
import type { MetadataForwarder } from './metadata-requests.ts'

/** `broker` is asked for when it is needed: node and metadata actor are built in a circle. */
export function meshForwarder(broker: () => Broker): MetadataForwarder {
  return {
    propose: (node, request, done) => {
      broker().askNode(node, proposeQuestion, { request }, proposalAnswer, done)
    },
    read: (node, done) => {
      broker().askNode(node, readQuestion, {}, indexAnswer, done)
    },
  }
}
