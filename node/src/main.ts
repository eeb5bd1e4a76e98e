// Runs one broker node in this process: the only file that hands real clocks, timers, turns, disk,
// network and randomness to the node. Takes SIGTERM and SIGINT as a clean stop, a second signal as
// an immediate, crash-safe end. Knows nothing of messages.
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Host, keyedRandom } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { version } from './cli/version.ts'
import { addressesOf, type ServerConfig } from './config.ts'
import { type HttpDoor, openHttpDoor } from './doors/http/http-node.ts'
import { tuneGarbageCollection } from './garbage-collection-node.ts'
import { formatAddress } from './mesh/address.ts'
import { networkOfNode } from './mesh/network-node.ts'
import { BrokerNode } from './node.ts'
import type { NodeEnvironment, NodeOptions } from './node-environment.ts'
import type { EventLog } from './observe/log.ts'
import { pinoLog } from './observe/log-node.ts'
import { metricsContentType } from './observe/metrics.ts'
import { createNodeDisk } from './storage/disk-node.ts'
import { readIdentitySync } from './storage/identity.ts'
import { lockDataFolder } from './storage/lock-node.ts'

/** The real clock, timers and turns. */
export function hostOfNode(): Host {
  return {
    monotonicMs: () => Math.floor(performance.now()),
    wallMs: () => Date.now(),
    setTimer: (fire, delayMs) => setTimeout(fire, delayMs),
    clearTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
    nextTurn: (run) => {
      setImmediate(run)
    },
  }
}

/** Resolves with the exit code once the node has stopped; rejects when it cannot start. */
export async function runServer(config: ServerConfig): Promise<number> {
  tuneGarbageCollection()
  const lock = await lockDataFolder(config.data)
  try {
    const { nodeId } = readIdentitySync(createNodeDisk(), config.data)
    const log = pinoLog({ base: { node: nodeId }, level: config.logLevel })
    return await new Promise<number>((resolve, reject) => {
      const process_ = new ServerProcess(config, log, resolve)
      process_.start(reject)
    })
  } finally {
    rmSync(join(config.data, 'pid'), { force: true })
    lock.release()
  }
}

class ServerProcess {
  readonly #config: ServerConfig
  readonly #log: EventLog
  readonly #exit: (code: number) => void
  #node: BrokerNode | undefined
  #http: HttpDoor | undefined
  #stopping = false

  constructor(config: ServerConfig, log: EventLog, exit: (code: number) => void) {
    this.#config = config
    this.#log = log
    this.#exit = exit
  }

  start(failed: (error: unknown) => void): void {
    const environment: NodeEnvironment = {
      disk: createNodeDisk(),
      network: networkOfNode(),
      host: hostOfNode(),
      random: keyedRandom(randomBytes(16).toString('hex')),
      log: this.#log,
      nonce: () => randomBytes(16).toString('hex'),
      // Leaves room for the incarnations of actors, which are added to it.
      session: (randomBytes(4).readUInt32LE(0) >>> 1) + 1,
      failed: (reason) => this.#crash(reason),
    }
    process.on('SIGTERM', () => this.#signalled('SIGTERM'))
    process.on('SIGINT', () => this.#signalled('SIGINT'))
    if (process.connected) process.on('disconnect', () => this.#signalled('disconnect'))
    this.#openHttp((error) => {
      if (error === undefined)
        this.#startNode(environment, (reason) => this.#refuse(reason, failed))
      else failed(error)
    })
  }

  /** The node cannot start: an HTTP door left open would keep the process alive. */
  #refuse(reason: unknown, failed: (error: unknown) => void): void {
    this.#http?.close()
    failed(reason)
  }

  /** Health answers from the first moment on; the node follows. */
  #openHttp(done: (error: QuorateError | undefined) => void): void {
    const { http } = this.#config
    if (http === undefined) {
      done(undefined)
      return
    }
    const starting = [{ name: 'node-started', ok: false }]
    openHttpDoor(
      {
        address: formatAddress(http.host, http.port),
        log: this.#log,
        sources: {
          live: () => [{ name: 'event-loop', ok: true }],
          started: () => this.#node?.started() ?? starting,
          ready: () => this.#node?.ready() ?? starting,
          metrics: () => ({
            contentType: metricsContentType,
            body: this.#node?.metrics.render() ?? '',
          }),
        },
      },
      (error, door) => {
        this.#http = door
        done(error)
      },
    )
  }

  #startNode(environment: NodeEnvironment, failed: (error: unknown) => void): void {
    const config = this.#config
    try {
      BrokerNode.start(environment, this.#nodeOptions(), (error, node) => {
        if (node === undefined) {
          failed(error)
          return
        }
        this.#node = node
        writeFileSync(join(config.data, 'pid'), `${process.pid}\n`)
        this.#log.info('node.started', {
          node: node.nodeId,
          address: node.address,
          pid: process.pid,
        })
      })
    } catch (error) {
      failed(error)
    }
  }

  #nodeOptions(): NodeOptions {
    const config = this.#config
    const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs } = config
    const { scrubBytesPerSecond, scrubCycleMs, diskReserveBytes } = config
    const httpAddress = this.#http?.address
    return {
      folder: config.data,
      bind: (planAddress) => {
        const { listen, advertise } = addressesOf(config, planAddress)
        return { listen: formatAddress(listen.host, listen.port), advertise }
      },
      peers: config.peers,
      autoCreateTopics: config.autoCreateTopics,
      version,
      timing: { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs },
      storage: { scrubBytesPerSecond, scrubCycleMs, diskReserveBytes },
      ...(httpAddress === undefined ? {} : { httpAddress }),
    }
  }

  #signalled(signal: string): void {
    if (this.#stopping || this.#node === undefined) {
      // What is acknowledged is on disk: ending here loses nothing.
      process.exit(this.#stopping ? 1 : 0)
    }
    this.#stopping = true
    this.#log.info('node.signal', { signal })
    this.#node.stop(() => {
      this.#http?.close()
      this.#log.info('node.stopped')
      this.#exit(0)
    })
  }

  #crash(reason: string): void {
    this.#log.error('node.exit', { reason })
    const { code, message } = new QuorateError('QUORATE_STORAGE_FAILED', reason)
    process.stderr.write(`${code}: ${message}\n`)
    process.exit(1)
  }
}
