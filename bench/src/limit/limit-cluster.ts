// Starts the three processes of the limit program and drives them as its client: a fixed window of
// frames in flight, or a fixed rate for latency.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { Histogram } from 'hdr-histogram-js'

const nodePath = join(import.meta.dirname, './limit-node.ts')

export interface Throughput {
  readonly frames: number
  readonly bytes: number
  readonly seconds: number
}

export class LimitCluster {
  readonly #processes: ChildProcess[]
  readonly #folder: string
  readonly #socket: net.Socket
  #acked = 0
  #sent = 0
  #onAck: () => void = () => {}

  private constructor(processes: ChildProcess[], folder: string, socket: net.Socket) {
    this.#processes = processes
    this.#folder = folder
    this.#socket = socket
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      for (; at + 4 <= bytes.byteLength; at += 4) this.#acked = bytes.readUInt32LE(at)
      rest = bytes.subarray(at)
      this.#onAck()
    })
  }

  static async start(dataFolder: string): Promise<LimitCluster> {
    const folder = mkdtempSync(join(dataFolder, 'limit-'))
    const followers = [fork(nodePath, ['follower', folder]), fork(nodePath, ['follower', folder])]
    const ports = await Promise.all(followers.map(portOf))
    const leader = fork(nodePath, ['leader', folder, ...ports.map(String)])
    const socket = net.connect(await portOf(leader), '127.0.0.1')
    socket.setNoDelay(true)
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
    return new LimitCluster([...followers, leader], folder, socket)
  }

  /** Keeps `window` frames of `bytes` in flight for `seconds`. */
  async throughput(bytes: number, window: number, seconds: number): Promise<Throughput> {
    const payload = Buffer.alloc(bytes, 7)
    const start = performance.now()
    const first = this.#acked
    const until = start + seconds * 1000
    await new Promise<void>((resolve) => {
      const fill = () => {
        const over = performance.now() >= until
        if (over && this.#acked === this.#sent) resolve()
        if (over || this.#sent - this.#acked >= window) return
        this.#socket.cork()
        while (this.#sent - this.#acked < window) this.#send(payload)
        this.#socket.uncork()
      }
      this.#onAck = fill
      fill()
    })
    this.#onAck = () => {}
    const frames = this.#acked - first
    return { frames, bytes: frames * bytes, seconds: (performance.now() - start) / 1000 }
  }

  /** Sends `perSecond` frames a second and records microseconds from send to acknowledgement. */
  async latency(bytes: number, perSecond: number, seconds: number, into: Histogram): Promise<void> {
    const payload = Buffer.alloc(bytes, 7)
    const sentAt = new Map<number, number>()
    let answered = this.#acked
    this.#onAck = () => {
      const now = performance.now()
      while (answered < this.#acked) {
        answered += 1
        into.recordValue(Math.max(1, Math.round((now - sentAt.get(answered)!) * 1000)))
        sentAt.delete(answered)
      }
    }
    const start = performance.now()
    const count = perSecond * seconds
    for (let index = 0; index < count; index++) {
      const due = start + (index * 1000) / perSecond
      const wait = due - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      sentAt.set(this.#sent + 1, performance.now())
      this.#send(payload)
    }
    while (answered < this.#sent) await new Promise((resolve) => setTimeout(resolve, 5))
    this.#onAck = () => {}
  }

  stop(): void {
    this.#socket.destroy()
    for (const child of this.#processes) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #send(payload: Buffer): void {
    this.#sent += 1
    const head = Buffer.allocUnsafe(8)
    head.writeUInt32LE(payload.byteLength, 0)
    head.writeUInt32LE(this.#sent, 4)
    this.#socket.write(head)
    this.#socket.write(payload)
  }
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve((message as { port: number }).port))
  })
}
