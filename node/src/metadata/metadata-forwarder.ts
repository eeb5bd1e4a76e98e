// Carries metadata proposals and reads of this node to the leader's node, one attempt each, as
// questions between nodes. Retrying is the metadata actor's business.
import type { Broker } from '../handlers/broker.ts'
import { proposeQuestion, readQuestion } from '../handlers/node-requests.ts'
import { limits } from '../limits.ts'
import type { ProposalResult } from './metadata-message.ts'
import type { MetadataForwarder } from './metadata-requests.ts'

/** `broker` is asked for when it is needed: node and metadata actor are built in a circle. */
export function meshForwarder(broker: () => Broker): MetadataForwarder {
  const timeoutMs = limits.peerQuestionTimeoutMs
  return {
    propose: (node, request, done) => {
      broker().askNode(node, proposeQuestion, { request }, timeoutMs, (error, answer) => {
        done(error === undefined ? { value: answer as ProposalResult } : { error })
      })
    },
    read: (node, done) => {
      broker().askNode(node, readQuestion, {}, timeoutMs, (error, answer) => {
        done(error === undefined ? { value: answer as number } : { error })
      })
    },
  }
}
