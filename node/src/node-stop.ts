// The clean stop of a node, step by step: leaderships are handed over, checkpoints written, links
// closed, actors ended, the WAL synced and sealed, the door closed. Each step waits for the one
// before and none for ever: what is acknowledged is on disk already, so every step may be cut short.
import type { ActorRef } from '@quorate/actors'
import { limits } from './limits.ts'
import type { Mesh } from './mesh/mesh.ts'
import type { MetadataMessage } from './metadata/metadata-message.ts'
import type { PartitionMessage } from './partition/partition-message.ts'
import type { Storage } from './storage/storage.ts'

export interface StoppedNode {
  readonly metadata: ActorRef<MetadataMessage>
  readonly mesh: Mesh
  readonly storage: Storage
  monotonicMs(): number
  partitions(): readonly ActorRef<PartitionMessage>[]
  /** Leaderships that somebody else could take. */
  leading(): boolean
  after(delayMs: number, run: () => void): void
  /** Ends the actors that write. */
  endReplicas(): void
  /** Ends everything else. */
  end(storageError: Error | undefined): void
}

export function stopNode(node: StoppedNode): void {
  handOver(node, node.monotonicMs() + limits.handOverMs)
}

function handOver(node: StoppedNode, untilMs: number): void {
  if (!node.leading() || node.monotonicMs() >= untilMs) {
    checkpoint(node)
    return
  }
  for (const ref of [node.metadata, ...node.partitions()]) ref.send({ type: 'transfer', to: 0 })
  node.after(limits.handOverRetryMs, () => handOver(node, untilMs))
}

function checkpoint(node: StoppedNode): void {
  const refs = [node.metadata, ...node.partitions()]
  let open = refs.length
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    close(node)
  }
  const respond = () => {
    open -= 1
    if (open === 0) node.after(0, end)
  }
  node.after(limits.handOverMs, end)
  for (const ref of refs) if (!ref.reply({ type: 'checkpoint', respond })) respond()
}

/** Nothing may be asked of storage once it closes: peers and timers are silenced first. */
function close(node: StoppedNode): void {
  node.mesh.close()
  node.endReplicas()
  node.storage.close((error) => node.after(0, () => node.end(error)))
}
