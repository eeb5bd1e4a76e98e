// The limit program alone: what this machine gives at this moment to three processes that do nothing
// but hand on, write, sync and count a quorum.
import { LimitCluster } from './limit/limit-cluster.ts'
import type { Outcome } from './report.ts'
import { newHistogram, percentiles, rounded, thousands } from './statistics.ts'

export async function limit(seconds: number, dataFolder: string): Promise<Outcome> {
  const cluster = await LimitCluster.start(dataFolder)
  const rows: string[][] = []
  const raw: Record<string, unknown> = {}
  try {
    for (const [bytes, window] of [
      [128 * 1024, 16],
      [128 * 1024, 64],
      [1024, 2000],
    ] as const) {
      const result = await cluster.throughput(bytes, window, seconds)
      const name = `${thousands(bytes)} B, ${window} in flight`
      raw[name] = result
      const perSecond = result.frames / result.seconds
      rows.push([
        name,
        `${thousands(perSecond)}/s`,
        `${rounded((perSecond * bytes) / 1e6, 0)} MB/s`,
      ])
    }
    for (const rate of [200, 1000]) {
      const times = newHistogram()
      await cluster.latency(1024, rate, seconds, times)
      const { p50Ms, p99Ms } = percentiles(times)
      raw[`${rate}/s`] = percentiles(times)
      rows.push([`1,024 B at ${rate}/s`, `p50 ${p50Ms} ms`, `p99 ${p99Ms} ms`])
    }
  } finally {
    cluster.stop()
  }
  return { tables: [{ title: 'Limit program', columns: ['', '', ''], rows }], raw }
}
