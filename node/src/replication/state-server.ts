// Gives a replica that has lost the state at its log start a state of this node's, piece by piece: the
// oldest one in the range asked for. The file is read and checked for each piece; states are small,
// and they are lost rarely. Whoever leads does not matter: what a checkpoint holds is committed.
// Previous stop: node-mesh.ts; next: storage.
import { QuorateError } from '@quorate/protocol'
import type { ApiReply } from '../doors/api.ts'
import { limits } from '../limits.ts'
import type { Storage } from '../storage/storage.ts'
import { encodeStatePiece, readStateWanted } from './state-codec.ts'

export interface StateServerOptions {
  readonly storage: Pick<Storage, 'groups' | 'readCheckpoint'>
  /** Whether this node may send so much now. */
  admits(bytes: number): boolean
}

/** `respond` is called once, perhaps on a later turn. An empty answer means: not here. */
export function serveState(
  { storage, admits }: StateServerOptions,
  body: Readonly<Record<string, unknown>>,
  respond: (reply: ApiReply | QuorateError) => void,
): void {
  const wanted = readStateWanted(body)
  if (wanted === undefined) {
    respond(new QuorateError('QUORATE_INVALID_REQUEST', 'a state of what'))
    return
  }
  const { group, fromIndex, lastIndex, offset } = wanted
  const checkpoints = storage.groups.get(group)?.log.checkpoints() ?? []
  const index = checkpoints.find((each) => each >= fromIndex && each <= lastIndex)
  if (index === undefined) {
    respond({ payload: encodeStatePiece(undefined) })
    return
  }
  if (!admits(limits.statePieceBytes)) {
    respond(new QuorateError('QUORATE_OVERLOADED', 'this node has sent enough for now'))
    return
  }
  storage.readCheckpoint(group, index, (checkpoint) => {
    if (checkpoint === undefined) {
      respond({ payload: encodeStatePiece(undefined) })
      return
    }
    const { term, chain, state } = checkpoint
    const data = state.subarray(offset, offset + limits.statePieceBytes)
    const totalBytes = state.byteLength
    respond({ payload: encodeStatePiece({ point: { index, term, chain }, totalBytes, data }) })
  })
}
