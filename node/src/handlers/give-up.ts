// `node-give-up`: a person says that the disk of a node is gone for good. It needs no leader of the
// metadata group, which may be the one that waits for that node. Every node that can be reached is asked
// first whether it is connected to it; only if none is, each of them keeps it on its disk. What follows
// from it is node-given-up.ts and the groups'.
import { type GiveUpReply, QuorateError } from '@quorate/protocol'
import { type ApiRequest, jsonReply } from '../doors/api.ts'
import type { Outcome } from '../metadata/metadata-message.ts'
import { type GivenUpNode, isGivenUpNode } from '../storage/given-up-file.ts'
import { answering } from './answering.ts'
import type { Broker } from './broker.ts'
import { invalidRequest, type JsonBody, jsonBody } from './json-body.ts'
import type { AnswerReader } from './node-answers.ts'

export const giveUpQuestion = 'give-up'

export function handleGiveUp(broker: Broker, request: ApiRequest): void {
  const nodeId = jsonBody(request.payload)['node']
  if (typeof nodeId !== 'string') throw invalidRequest('node is missing')
  const member = broker.members().nodes.find((each) => each.nodeId === nodeId)
  if (member === undefined) throw new QuorateError('QUORATE_UNKNOWN_NODE', nodeId)
  const { incarnation } = member
  const node = { nodeId, incarnation }
  const problem = broker.givingUpProblem(node) ?? replaceable(broker, nodeId)
  if (problem !== undefined) throw problem
  const all = broker.nodeIds()
  const others = all.filter((each) => each !== broker.node && each !== nodeId)
  const peers = others.filter((each) => broker.isUp(each))
  if (2 * (peers.length + 1) <= all.length) {
    const detail = `${broker.node} reaches ${peers.length + 1} of ${all.length} nodes, itself included`
    throw new QuorateError('QUORATE_NO_QUORUM', detail)
  }
  const agreed = answering(broker, request, (error: QuorateError | undefined) => {
    if (error !== undefined) throw error
    const reply: GiveUpReply = {
      node: nodeId,
      incarnation,
      by: [broker.node, ...peers].sort(),
      unreached: others.filter((each) => !peers.includes(each)),
    }
    request.respond(jsonReply(reply))
  })
  askAll(broker, peers, { ...node, only: 'ask' }, (refusal) => {
    if (refusal !== undefined) agreed(refusal)
    else {
      broker.giveUp(node, (error) => {
        if (error !== undefined) agreed(error)
        else askAll(broker, peers, { ...node, only: 'keep' }, agreed)
      })
    }
  })
}

/** With a leader of the metadata group a node is replaced, and nobody waits for it then. */
function replaceable(broker: Broker, nodeId: string): QuorateError | undefined {
  const { node: leader } = broker.metadataLeader()
  const isLeaving = broker.metadata().nodeById(nodeId)?.leaving === true
  if (isLeaving || leader === undefined || !broker.isUp(leader)) return undefined
  const detail = `the metadata group has a leader, ${leader}: replace ${nodeId} instead`
  return new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
}

/** The first error, when all have answered. */
function askAll(
  broker: Broker,
  peers: readonly string[],
  body: GivenUpNode & { readonly only: 'ask' | 'keep' },
  done: (error: QuorateError | undefined) => void,
): void {
  let open = peers.length
  let first: QuorateError | undefined
  if (open === 0) done(undefined)
  for (const peer of peers) {
    broker.askNode(peer, giveUpQuestion, body, givenUpAnswer, (outcome) => {
      if ('error' in outcome) first ??= outcome.error
      open -= 1
      if (open === 0) done(first)
    })
  }
}

const givenUpAnswer: AnswerReader<true> = (answer) => (answer === true ? true : undefined)

/** A peer asks: whether this node could give it up, or that it does. */
export function giveUpHere(
  broker: Broker,
  body: JsonBody,
  answer: (outcome: Outcome<true>) => void,
): void {
  const { nodeId, incarnation, only } = body
  const node = { nodeId, incarnation }
  if (!isGivenUpNode(node) || (only !== 'ask' && only !== 'keep')) {
    throw invalidRequest('nodeId, incarnation or only is not valid')
  }
  const done = (error: QuorateError | undefined) =>
    answer(error === undefined ? { value: true } : { error })
  if (only === 'ask') done(broker.givingUpProblem(node))
  else broker.giveUp(node, done)
}
