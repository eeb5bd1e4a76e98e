// The chain hash: 64 bits over the whole log up to an entry, kept as two uint32 lanes. It covers
// index, term, type, append time, length and payload CRC of every entry, and nothing that differs
// between replicas, so equal chains mean equal logs. A guard against faults, not against malice.
// Its definition stands in docs/reference/storage-format.md; golden vectors stand in the test.
import type { Chain, LogPoint } from '@quorate/raft'

export const emptyChain: Chain = { high: 0, low: 0 }

/** Before the first entry of every log. */
export const logBegin: LogPoint = { index: 0, term: 0, chain: emptyChain }

export interface ChainedFields {
  readonly index: number
  readonly term: number
  readonly type: number
  readonly appendTimeMs: number
  readonly payloadBytes: number
  readonly payloadCrc: number
}

const constantA = 0x239b_961b
const constantB = 0xab0e_9789
const constantC = 0x38b3_4ae5
const twoTo32 = 0x1_0000_0000
/** 11 words of 4 bytes go through the rounds. */
const hashedBytes = 44

// The lanes of the hash under way. Module state instead of an object per word: the hash is
// synchronous and runs once for every entry of every replica.
let high = 0
let low = 0

export function nextChain(previous: Chain, fields: ChainedFields): Chain {
  high = 0x5175_6f72
  low = 0x6174_6531
  mix(previous.high)
  mix(previous.low)
  mixWide(fields.index)
  mixWide(fields.term)
  mix(fields.type)
  mixWide(fields.appendTimeMs)
  mix(fields.payloadBytes)
  mix(fields.payloadCrc)
  high = (high ^ hashedBytes) | 0
  low = (low ^ hashedBytes) | 0
  high = (high + low) | 0
  low = (low + high) | 0
  high = finish(high)
  low = finish(low)
  high = (high + low) | 0
  low = (low + high) | 0
  return { high: high >>> 0, low: low >>> 0 }
}

export function sameChain(one: Chain, other: Chain): boolean {
  return one.high === other.high && one.low === other.low
}

/** 16 hex digits. */
export function chainText(chain: Chain): string {
  return hex(chain.high) + hex(chain.low)
}

/** Undefined for anything but 16 hex digits. */
export function parseChainText(text: string): Chain | undefined {
  if (!/^[0-9a-f]{16}$/.test(text)) return undefined
  return { high: Number.parseInt(text.slice(0, 8), 16), low: Number.parseInt(text.slice(8), 16) }
}

function mixWide(value: number): void {
  mix(Math.floor(value / twoTo32))
  mix(value >>> 0)
}

/** One round of MurmurHash3's 128-bit form for 32-bit machines, cut to two lanes. */
function mix(word: number): void {
  high ^= Math.imul(rotate(Math.imul(word, constantA), 15), constantB)
  high = (Math.imul(rotate(high, 19) + low, 5) + 0x561c_cd1b) | 0
  low ^= Math.imul(rotate(Math.imul(word, constantB), 16), constantC)
  low = (Math.imul(rotate(low, 17) + high, 5) + 0x0bca_a747) | 0
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85eb_ca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2_ae35)
  return mixed ^ (mixed >>> 16)
}

function hex(lane: number): string {
  return lane.toString(16).padStart(8, '0')
}
