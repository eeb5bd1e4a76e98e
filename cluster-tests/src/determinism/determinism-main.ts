// Child process of the test of determinism. Arguments: how many worker threads (0: none, in the main
// thread), `forward` or `backward`, then `kind:seed` for each plan. Prints one line of JSON: what each
// plan showed, and where this process stood while it ran them.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { PlanKind } from 'quorate/laboratory'
import { type Named, type Replayed, replay } from './replay.ts'

export interface DeterminismAnswer {
  readonly replayed: readonly Replayed[]
  readonly place: { readonly zone: string; readonly folder: string; readonly language: string }
}

function namedBy(text: string): Named {
  const [kind, seed] = text.split(':')
  return { kind: kind as PlanKind, seed: Number(seed) }
}

/** The plans of one worker, one after the other. */
function inWorker(runs: readonly Named[]): Promise<readonly Replayed[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: runs })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

async function main([count, order, ...names]: readonly string[]): Promise<DeterminismAnswer> {
  const runs = names.map(namedBy)
  if (order === 'backward') runs.reverse()
  const workers = Number(count)
  const shares = Array.from({ length: workers }, (_, number) =>
    runs.filter((_run, position) => position % workers === number),
  )
  const replayed =
    workers === 0 ? runs.map(replay) : (await Promise.all(shares.map(inWorker))).flat()
  const { timeZone: zone, locale: language } = Intl.DateTimeFormat().resolvedOptions()
  return { replayed, place: { zone, folder: process.cwd(), language } }
}

if (isMainThread) process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`)
else parentPort!.postMessage((workerData as readonly Named[]).map(replay))
