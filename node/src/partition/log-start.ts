// Payload of a log-start entry: where the retained log begins. Proposed by the leader
// (retention.ts), committed like any entry, obeyed by every replica's machine. JSON, because it is
// rare and `storage dump` shows it. Knows nothing of files.
import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import type { Chain } from '@quorate/raft'
import { chainText, parseChainText } from '../storage/chain.ts'

export interface LogStart {
  /** Last index removed. The machine state at this index is the group's Raft snapshot. */
  readonly index: number
  /** First offset that can still be read. */
  readonly offset: number
  /** Hash of the log up to and including `index`. */
  readonly chain: Chain
  /**
   * Also ends the open segment at this entry, so that records nobody adds to can grow old. An
   * entry with `roll` and the log start of before moves nothing.
   */
  readonly roll?: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function encodeLogStart(logStart: LogStart): Chunks {
  const { index, offset, chain, roll } = logStart
  const fields = { index, offset, chain: chainText(chain), ...(roll === true ? { roll } : {}) }
  return chunksOf(encoder.encode(JSON.stringify(fields)))
}

/** Throws a plain Error: a log-start entry is written by us and guarded by hashes. */
export function decodeLogStart(payload: Chunks): LogStart {
  const fields: unknown = JSON.parse(decoder.decode(joinChunks(payload)))
  if (typeof fields !== 'object' || fields === null) throw new Error('log start is no object')
  const { index, offset, chain, roll } = fields as Record<string, unknown>
  if (!isPosition(index) || !isPosition(offset)) throw new Error('log start without position')
  if (roll !== undefined && roll !== true) throw new Error('log start with an unknown roll')
  const parsedChain = typeof chain === 'string' ? parseChainText(chain) : undefined
  if (parsedChain === undefined) throw new Error('log start without chain')
  const parsed = { index, offset, chain: parsedChain }
  return roll === true ? { ...parsed, roll } : parsed
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
