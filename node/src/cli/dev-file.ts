// `<data>/dev.json`: what other programs need to find the nodes of a local cluster and to start one
// again by hand. It is there exactly while every node has been ready once and `dev` runs: written by
// rename, removed when `dev` starts and when it stops.
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface DevFile {
  readonly version: 1
  readonly clusterId: string
  readonly nodes: readonly DevFileNode[]
}

export interface DevFileNode {
  readonly id: string
  /** At the time of writing; `<data>/<id>/pid` holds that of a node started again. */
  readonly pid: number
  readonly nats: string
  readonly http: string
  readonly data: string
  /** Starts this node again by hand: absolute paths, no environment, no working directory. */
  readonly command: readonly string[]
}

export function writeDevFile(folder: string, content: DevFile): void {
  const path = join(folder, 'dev.json')
  writeFileSync(`${path}.tmp`, `${JSON.stringify(content, null, 2)}\n`)
  renameSync(`${path}.tmp`, path)
}

export function removeDevFile(folder: string): void {
  rmSync(join(folder, 'dev.json'), { force: true })
}
