// How two nodes prove to each other that they belong to one cluster. Pure: text in, text or an
// error out. The dialling node proves the cluster secret in CONNECT, the accepting node in a second
// INFO; each proof is an HMAC-SHA-256 over both nonces and everything that was claimed, so neither
// can be replayed, sent back to its maker, or moved to another node. It keeps strangers out; it does
// not protect a connection against somebody who changes its bytes on the way (that is TLS's work).
//
//   door:   INFO    {…, nonce}
//   dialer: CONNECT {…, quorate_mesh: MeshHello}
//   door:   INFO    {…, quorate_mesh: MeshAnswer}    or -ERR 'QUORATE_…: text' and the end
import { createHmac, timingSafeEqual } from 'node:crypto'
import { QuorateError } from '@quorate/protocol'

/** Version of handshake, frames and items together. Nodes of one cluster speak the same. */
export const meshVersion = 1

export type MeshChannel = 'control' | 'bulk'

/** What this node says of itself. */
export interface MeshSelf {
  readonly clusterId: string
  /** Shared by the nodes of a cluster; never sent. */
  readonly secret: string
  readonly nodeId: string
  readonly incarnation: string
  /** Boot session: another one after each start. */
  readonly session: number
  /** `host:port` where peers reach this node. */
  readonly address: string
}

/** `quorate_mesh` of CONNECT. */
export interface MeshHello {
  readonly version: number
  readonly clusterId: string
  readonly nodeId: string
  readonly incarnation: string
  readonly session: number
  readonly address: string
  /** Node id of the one who is meant: a wrong address must not end at another node. */
  readonly target: string
  readonly channel: MeshChannel
  readonly nonce: string
  readonly proof: string
}

/** `quorate_mesh` of the second INFO. */
export interface MeshAnswer {
  readonly version: number
  readonly clusterId: string
  readonly nodeId: string
  readonly incarnation: string
  readonly session: number
  readonly proof: string
}

/** Shorter nonces could repeat. */
const nonceLengthMin = 16
/** Claims end up in logs and error lines: printable ASCII without spaces and quotes. */
const claimText = /^[!#-&(-~]{1,256}$/

export function makeHello(
  self: MeshSelf,
  target: string,
  channel: MeshChannel,
  nonce: string,
  doorNonce: string,
): MeshHello {
  const { clusterId, nodeId, incarnation, session, address } = self
  const claims = { version: meshVersion, clusterId, nodeId, incarnation, session, address }
  const hello = { ...claims, target, channel, nonce, proof: '' }
  return { ...hello, proof: helloProof(self.secret, hello, doorNonce) }
}

/**
 * The accepting side's judgement. `incarnationOf` gives the registered incarnation of a node id.
 * Checks that need no secret and explain a wrong set-up come before the proof.
 */
export function judgeHello(
  self: MeshSelf,
  incarnationOf: (nodeId: string) => string | undefined,
  claimed: unknown,
  doorNonce: string,
): MeshHello | QuorateError {
  const version = versionOf(claimed)
  if (version !== meshVersion) return otherVersion(version)
  const hello = readHello(claimed)
  if (hello === undefined) return new QuorateError('QUORATE_INVALID_REQUEST', 'mesh handshake')
  if (hello.clusterId !== self.clusterId) return otherCluster(self, hello.clusterId)
  const proven = equalProofs(hello.proof, helloProof(self.secret, hello, doorNonce))
  if (!proven || doorNonce.length < nonceLengthMin) return notProven(hello.nodeId)
  if (hello.target !== self.nodeId) {
    return new QuorateError('QUORATE_WRONG_NODE', `this is ${self.nodeId}, not ${hello.target}`)
  }
  const registered = hello.nodeId === self.nodeId ? undefined : incarnationOf(hello.nodeId)
  return registered === hello.incarnation ? hello : otherIncarnation(hello, registered)
}

export function makeAnswer(self: MeshSelf, hello: MeshHello, doorNonce: string): MeshAnswer {
  const { clusterId, nodeId, incarnation, session } = self
  const answer = { version: meshVersion, clusterId, nodeId, incarnation, session, proof: '' }
  return { ...answer, proof: answerProof(self.secret, answer, hello, doorNonce) }
}

/** The dialling side's judgement of whom it reached. */
export function judgeAnswer(
  self: MeshSelf,
  registeredIncarnation: string,
  hello: MeshHello,
  claimed: unknown,
  doorNonce: string,
): MeshAnswer | QuorateError {
  const version = versionOf(claimed)
  if (version !== meshVersion) return otherVersion(version)
  const answer = readAnswer(claimed)
  if (answer === undefined) return new QuorateError('QUORATE_INVALID_REQUEST', 'mesh handshake')
  if (answer.clusterId !== self.clusterId) return otherCluster(self, answer.clusterId)
  if (!equalProofs(answer.proof, answerProof(self.secret, answer, hello, doorNonce))) {
    return notProven(answer.nodeId)
  }
  if (answer.nodeId !== hello.target) {
    return new QuorateError('QUORATE_WRONG_NODE', `${answer.nodeId} answers for ${hello.target}`)
  }
  if (answer.incarnation === registeredIncarnation) return answer
  return otherIncarnation(answer, registeredIncarnation)
}

/** Undefined when the first INFO cannot begin a handshake: no usable nonce. */
export function doorNonceOf(info: Readonly<Record<string, unknown>>): string | undefined {
  const nonce = info['nonce']
  return isText(nonce) && nonce.length >= nonceLengthMin ? nonce : undefined
}

function helloProof(secret: string, hello: MeshHello, doorNonce: string): string {
  const { version, clusterId, nodeId, incarnation, session, address } = hello
  const { target, channel, nonce } = hello
  const claims = [version, clusterId, nodeId, incarnation, session, address, target, channel]
  return hmac(secret, ['quorate mesh hello', doorNonce, nonce, ...claims])
}

function answerProof(
  secret: string,
  answer: MeshAnswer,
  hello: MeshHello,
  doorNonce: string,
): string {
  const { version, clusterId, nodeId, incarnation, session } = answer
  const claims = [version, clusterId, nodeId, incarnation, session]
  return hmac(secret, ['quorate mesh answer', doorNonce, hello.nonce, hello.proof, ...claims])
}

/** JSON keeps the fields apart: no two lists of claims have the same text. */
function hmac(secret: string, claims: readonly (string | number)[]): string {
  return createHmac('sha256', secret).update(JSON.stringify(claims)).digest('hex')
}

const encoder = new TextEncoder()

function equalProofs(given: string, wanted: string): boolean {
  const left = encoder.encode(given)
  const right = encoder.encode(wanted)
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}

function fieldsOf(claimed: unknown): Readonly<Record<string, unknown>> {
  return typeof claimed === 'object' && claimed !== null ? { ...claimed } : {}
}

function versionOf(claimed: unknown): unknown {
  return fieldsOf(claimed)['version']
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && claimText.test(value)
}

function isSession(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 0xffff_ffff
}

function readHello(claimed: unknown): MeshHello | undefined {
  const fields = fieldsOf(claimed)
  const { address, target, channel, nonce } = fields
  const common = readAnswer(claimed)
  if (common === undefined || !isText(address) || !isText(target) || !isText(nonce))
    return undefined
  if (nonce.length < nonceLengthMin || (channel !== 'control' && channel !== 'bulk')) {
    return undefined
  }
  return { ...common, address, target, channel, nonce }
}

function readAnswer(claimed: unknown): MeshAnswer | undefined {
  const { clusterId, nodeId, incarnation, session, proof } = fieldsOf(claimed)
  if (!isText(clusterId) || !isText(nodeId) || !isText(incarnation)) return undefined
  if (!isText(proof) || !isSession(session)) return undefined
  return { version: meshVersion, clusterId, nodeId, incarnation, session, proof }
}

function otherVersion(version: unknown): QuorateError {
  const there = typeof version === 'number' ? String(version) : 'none'
  const detail = `mesh version ${there} of the other node, ${meshVersion} here`
  return new QuorateError('QUORATE_UNSUPPORTED', detail)
}

function otherCluster(self: MeshSelf, clusterId: string): QuorateError {
  return new QuorateError('QUORATE_WRONG_CLUSTER', `${clusterId} there, ${self.clusterId} here`)
}

function notProven(nodeId: string): QuorateError {
  return new QuorateError('QUORATE_PERMISSION', `${nodeId} did not prove the cluster secret`)
}

function otherIncarnation(
  claim: { readonly nodeId: string; readonly incarnation: string },
  registered: string | undefined,
): QuorateError {
  const { nodeId, incarnation } = claim
  const known = registered === undefined ? 'is not registered' : `is registered as ${registered}`
  return new QuorateError('QUORATE_WRONG_NODE', `${nodeId} ${incarnation} ${known}`)
}
