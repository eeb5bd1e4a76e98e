// Messages by which a damaged replica finds its way back, as items of a frame; part of
// raft-codec.ts. What they mean is in raft/src/round.ts and raft/src/fence.ts.
//
//   hole-request = common | flags uint8 (1 pre) | index uint64 | entry term uint64
//   hole-reply   = common | flags uint8 (1 pre) | holding uint8 | index uint64 | entry term uint64
//   fence-passed = common | session uint32
//   quarantine   = common | session uint32 | index uint64
import type { FencePassed, Holding, HoleReply, HoleRequest, Quarantine } from '@quorate/raft'
import { damaged, type FrameReader } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { ItemKind } from './item-kind.ts'

export type RecoveryMessage = HoleRequest | HoleReply | FencePassed | Quarantine

export const recoveryLayouts = {
  'hole-request': { kind: ItemKind.holeRequest, own: 17 },
  'hole-reply': { kind: ItemKind.holeReply, own: 18 },
  'fence-passed': { kind: ItemKind.fencePassed, own: 4 },
  quarantine: { kind: ItemKind.quarantine, own: 12 },
} as const

/** A holding is on the wire by its place here: never reorder. */
const holdings: readonly Holding[] = ['have', 'lack', 'undecided', 'faulty', 'unknown', 'refused']

export function writeRecovery(writer: FrameWriter, at: number, message: RecoveryMessage): void {
  const { view } = writer
  switch (message.type) {
    case 'hole-request':
      view.setUint8(at, message.pre ? 1 : 0)
      writer.uint64(at + 1, message.index)
      writer.uint64(at + 9, message.entryTerm)
      return
    case 'hole-reply':
      view.setUint8(at, message.pre ? 1 : 0)
      view.setUint8(at + 1, holdings.indexOf(message.holding))
      writer.uint64(at + 2, message.index)
      writer.uint64(at + 10, message.entryTerm)
      return
    case 'fence-passed':
      view.setUint32(at, message.session)
      return
    case 'quarantine':
      view.setUint32(at, message.session)
      writer.uint64(at + 4, message.index)
      return
  }
}

/** Undefined when the kind is none of these. */
export function readRecovery(
  reader: FrameReader,
  kind: number,
  term: number,
): RecoveryMessage | undefined {
  switch (kind) {
    case ItemKind.holeRequest: {
      const at = reader.head(recoveryLayouts['hole-request'].own)
      const index = reader.uint64(at + 1)
      const entryTerm = reader.uint64(at + 9)
      return { type: 'hole-request', pre: preAt(reader, at), term, index, entryTerm }
    }
    case ItemKind.holeReply: {
      const at = reader.head(recoveryLayouts['hole-reply'].own)
      const holding = holdings[reader.view.getUint8(at + 1)]
      if (holding === undefined) throw damaged('unknown holding')
      const index = reader.uint64(at + 2)
      const entryTerm = reader.uint64(at + 10)
      return { type: 'hole-reply', pre: preAt(reader, at), term, index, entryTerm, holding }
    }
    case ItemKind.fencePassed: {
      const at = reader.head(recoveryLayouts['fence-passed'].own)
      return { type: 'fence-passed', term, session: reader.view.getUint32(at) }
    }
    case ItemKind.quarantine: {
      const at = reader.head(recoveryLayouts.quarantine.own)
      const session = reader.view.getUint32(at)
      return { type: 'quarantine', term, session, index: reader.uint64(at + 4) }
    }
    default:
      return undefined
  }
}

function preAt(reader: FrameReader, at: number): boolean {
  const flags = reader.view.getUint8(at)
  if (flags > 1) throw damaged('unknown flags')
  return flags === 1
}
