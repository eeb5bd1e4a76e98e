// Asks again and again where the partitions of a topic end, and writes down the answers: an end never
// goes back, and lies behind everything acknowledged before it was asked for.
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '@quorate/client'
import type { HistoryTopic } from '../history/event.ts'
import type { HistoryRecorder } from '../history/recorder.ts'

const everyMs = 500
const who = 'ends'

/** Resolves when the signal aborts. */
export async function askForEnds(
  client: Client,
  { topic, partitions }: HistoryTopic,
  recorder: HistoryRecorder,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const invokedMs = performance.now()
    const asked = Array.from({ length: partitions }, (_unused, partition) =>
      recorder.invoke('end', who, invokedMs, { topic, partition }),
    )
    try {
      const ends = await client.admin.offsets(topic, { at: 'latest', signal })
      const answeredMs = performance.now()
      for (const { partition, offset } of ends) {
        recorder.ok('end', asked[partition]!, answeredMs, { offset })
      }
    } catch (error) {
      for (const query of asked) recorder.info(query, performance.now(), String(error))
    }
    await pause(everyMs)
  }
}
