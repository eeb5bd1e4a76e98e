// The exclusive lock on a data folder. It is a listening socket, so it dies with its process: on
// Linux an abstract one named by the folder's device and inode (it protects within one network
// namespace), elsewhere a socket file in the folder. Whoever connects is told the holder's pid.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { QuorateError } from '@quorate/protocol'

export interface DataLock {
  release(): void
}

const answerMs = 500

/** Rejects with QUORATE_DATA_IN_USE naming the holder, or QUORATE_DATA_NOT_FORMATTED. */
export async function lockDataFolder(folder: string): Promise<DataLock> {
  if (!existsSync(folder)) {
    throw new QuorateError('QUORATE_DATA_NOT_FORMATTED', `${folder} does not exist`)
  }
  const path = lockPath(folder)
  const server = await listen(path)
  if (server !== undefined) return { release: () => server.close() }
  const holder = await askHolder(path)
  if (holder === undefined && !path.startsWith('\0')) {
    // A socket file whose process is gone.
    rmSync(path, { force: true })
    const second = await listen(path)
    if (second !== undefined) return { release: () => second.close() }
  }
  const pid = holder ?? pidIn(folder)
  const detail = `${folder}${pid === undefined ? '' : `, process ${pid}`}`
  throw new QuorateError('QUORATE_DATA_IN_USE', detail)
}

/** Process id of who holds the folder; undefined when nobody does. */
export async function dataFolderHolder(folder: string): Promise<number | undefined> {
  return existsSync(folder) ? askHolder(lockPath(folder), () => pidIn(folder)) : undefined
}

function lockPath(folder: string): string {
  if (process.platform !== 'linux') return join(folder, 'lock')
  const { dev, ino } = statSync(folder)
  return `\0quorate-data-${dev}-${ino}`
}

/** A server on the path; undefined when the path is taken. */
function listen(path: string): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(`${process.pid}\n`)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(new QuorateError('QUORATE_STORAGE_FAILED', `lock: ${error.message}`))
    })
    server.listen(path, () => {
      // The lock alone must not keep a process alive that has nothing else to do.
      server.unref()
      resolve(server)
    })
  })
}

/** Who listens there. A holder that is paused accepts and says nothing: `silent` knows better. */
function askHolder(
  path: string,
  silent: () => number | undefined = () => undefined,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    let text = ''
    let connected = false
    const settle = (pid: number | undefined) => {
      socket.destroy()
      resolve(pid)
    }
    socket.setTimeout(answerMs, () => settle(silent()))
    socket.on('connect', () => {
      connected = true
    })
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('end', () => settle(/^\d+\n$/.test(text) ? Number(text) : silent()))
    socket.on('error', () => settle(connected ? silent() : undefined))
  })
}

function pidIn(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
