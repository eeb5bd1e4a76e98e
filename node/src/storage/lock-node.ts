// The exclusive lock on a data folder. It is a listening Unix socket, so it dies with the process
// that holds it. On Linux the socket is an abstract one, named by the folder's device and inode: it
// protects within one network namespace, so containers that share a volume are not kept apart.
// Elsewhere it is a socket file: connecting succeeds = in use, refused = stale and replaced. Taken
// before the first read of the folder and held until exit.
import * as fs from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { QuorateError } from '@quorate/protocol'

export interface DataLock {
  /** Also removes the pid file. */
  release(done: () => void): void
}

export type LockDone = (error: QuorateError | undefined, lock: DataLock | undefined) => void

export interface LockOptions {
  /** Default: the platform is Linux. */
  readonly abstractSocket?: boolean
}

/** Longer paths do not fit into a socket address on some platforms. */
const socketPathMax = 100
/** After this time a lock that another starter replaced is recognised. */
const settleMs = 50

/**
 * Errors: QUORATE_DATA_IN_USE with the holder's pid, QUORATE_DATA_NOT_FORMATTED when there is no
 * such folder, QUORATE_DATA_FOREIGN when it is a file, QUORATE_DISK_FULL when there is not even room
 * for its pid file, QUORATE_STORAGE_FAILED.
 */
export function acquireDataLock(folder: string, done: LockDone, options: LockOptions = {}): void {
  const abstractSocket = options.abstractSocket ?? process.platform === 'linux'
  let found: fs.BigIntStats
  try {
    found = fs.statSync(folder, { bigint: true })
  } catch (cause) {
    setImmediate(() => {
      done(new QuorateError('QUORATE_DATA_NOT_FORMATTED', folder, { cause }), undefined)
    })
    return
  }
  if (!found.isDirectory()) {
    const foreign = new QuorateError('QUORATE_DATA_FOREIGN', `${folder} is not a folder`)
    setImmediate(() => done(foreign, undefined))
    return
  }
  const name = `quorate-data-${found.dev}-${found.ino}`
  const settle: LockDone = (error, lock) => {
    if (error !== undefined) {
      done(error, undefined)
      return
    }
    try {
      fs.writeFileSync(pidPath(folder), `${process.pid}\n`, { mode: 0o644 })
    } catch (cause) {
      lock?.release(() => done(failed(folder, cause), undefined))
      return
    }
    done(undefined, lock)
  }
  if (abstractSocket) lockAbstract(folder, `\0${name}`, settle)
  else lockFile(folder, socketPath(folder, name), settle)
}

/** Pid of the process that holds the folder, as its pid file says; undefined without one. */
export function readPid(folder: string): number | undefined {
  try {
    const pid = Number.parseInt(fs.readFileSync(pidPath(folder), 'utf8'), 10)
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function pidPath(folder: string): string {
  return `${folder}/pid`
}

function socketPath(folder: string, name: string): string {
  const path = `${folder}/lock`
  return path.length <= socketPathMax ? path : `${tmpdir()}/${name}`
}

function lockAbstract(folder: string, address: string, done: LockDone): void {
  listen(address, (error, server) => {
    if (error?.code === 'EADDRINUSE') done(inUse(folder), undefined)
    else if (error !== undefined) done(failed(folder, error), undefined)
    else done(undefined, lockOf(folder, server))
  })
}

/** Listens under a name of its own first, so that whoever finds the lock can connect to it. */
function lockFile(folder: string, path: string, done: LockDone): void {
  const own = `${path}.${process.pid}`
  fs.rmSync(own, { force: true })
  listen(own, (error, server) => {
    if (error !== undefined) {
      done(failed(folder, error), undefined)
      return
    }
    isHeld(path, (held) => {
      if (held) {
        server.close(() => done(inUse(folder), undefined))
        return
      }
      try {
        fs.renameSync(own, path)
      } catch (cause) {
        server.close(() => done(failed(folder, cause), undefined))
        return
      }
      confirm(folder, path, server, done)
    })
  })
}

/** Two starters may both have found a stale lock: the one whose socket stands there has won. */
function confirm(folder: string, path: string, server: net.Server, done: LockDone): void {
  const { ino } = fs.statSync(path)
  setTimeout(() => {
    let now = 0
    try {
      now = fs.statSync(path).ino
    } catch {
      // Removed by whoever replaces it: not ours any more.
    }
    if (now === ino) {
      done(undefined, lockOf(folder, server, path))
      return
    }
    server.close(() => done(inUse(folder), undefined))
  }, settleMs)
}

function listen(
  address: string,
  done: (error: NodeJS.ErrnoException | undefined, server: net.Server) => void,
): void {
  const server = net.createServer((socket) => socket.destroy())
  const failed = (error: NodeJS.ErrnoException): void => done(error, server)
  server.once('error', failed)
  server.listen({ path: address }, () => {
    server.off('error', failed)
    server.on('error', () => {})
    // The lock alone keeps no process alive.
    server.unref()
    done(undefined, server)
  })
}

function isHeld(path: string, done: (held: boolean) => void): void {
  const socket = net.connect({ path })
  socket.once('connect', () => {
    socket.destroy()
    done(true)
  })
  socket.once('error', () => done(false))
}

function lockOf(folder: string, server: net.Server, path?: string): DataLock {
  return {
    release(done) {
      if (readPid(folder) === process.pid) fs.rmSync(pidPath(folder), { force: true })
      if (path !== undefined) fs.rmSync(path, { force: true })
      server.close(() => done())
    },
  }
}

function inUse(folder: string): QuorateError {
  const pid = readPid(folder)
  return new QuorateError(
    'QUORATE_DATA_IN_USE',
    pid === undefined ? folder : `${folder}, pid ${pid}`,
  )
}

function failed(folder: string, cause: unknown): QuorateError {
  const what = cause instanceof Error ? cause.message : String(cause)
  const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
  const code = isFull ? 'QUORATE_DISK_FULL' : 'QUORATE_STORAGE_FAILED'
  return new QuorateError(code, `the lock of ${folder}: ${what}`, { cause })
}

/** `acquireDataLock` for callers with promises. */
export function lockDataFolder(folder: string): Promise<{ release(): void }> {
  return new Promise((resolve, reject) => {
    acquireDataLock(folder, (error, lock) => {
      if (lock === undefined) reject(error)
      // The socket is closed at once; only the notice of it comes later.
      else resolve({ release: () => lock.release(() => {}) })
    })
  })
}

/** Pid of the process that holds the folder now; undefined when nobody does. */
export function dataFolderHolder(folder: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const found = fs.statSync(folder, { bigint: true, throwIfNoEntry: false })
    if (found === undefined) {
      resolve(undefined)
      return
    }
    const name = `quorate-data-${found.dev}-${found.ino}`
    const path = process.platform === 'linux' ? `\0${name}` : socketPath(folder, name)
    isHeld(path, (held) => resolve(held ? readPid(folder) : undefined))
  })
}
