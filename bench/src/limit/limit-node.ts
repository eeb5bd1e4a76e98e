// One process of the limit program: what three processes and two disks can do with bare TCP, group
// commit and a quorum, with no protocol, no log structure and no checks. The leader sends each frame
// to both followers while its own write runs, and acknowledges after one follower's disk and its own
// or both followers' disks hold it. Frames: [u32 length][u32 number][length bytes].
import { constants, ftruncateSync, openSync, writeSync, writev } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'

const [role, folder, ...peers] = process.argv.slice(2)
const fileBytes = 64 * 1024 * 1024
const headBytes = 8

/** Group commit on one preallocated file: one synced write outstanding, the next gathers. */
class GroupCommit {
  readonly #descriptor: number
  #position = 0
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #upTo = 0
  #writing = false
  readonly #stored: (number: number) => void

  constructor(path: string, stored: (number: number) => void) {
    this.#stored = stored
    const plain = openSync(path, 'w')
    const zeros = Buffer.alloc(1024 * 1024)
    for (let at = 0; at < fileBytes; at += zeros.byteLength)
      writeSync(plain, zeros, 0, zeros.byteLength, at)
    ftruncateSync(plain, fileBytes)
    const durable = process.platform === 'linux' ? constants.O_DSYNC : 0
    this.#descriptor = openSync(path, constants.O_WRONLY | durable)
  }

  append(pieces: readonly Uint8Array[], bytes: number, number: number): void {
    for (const piece of pieces) this.#gathered.push(piece)
    this.#gatheredBytes += bytes
    this.#upTo = number
    if (!this.#writing) setImmediate(() => this.#commit())
    this.#writing = true
  }

  #commit(): void {
    const pieces = this.#gathered.splice(0, 1000)
    const all = this.#gathered.length === 0
    const bytes = all
      ? this.#gatheredBytes
      : pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
    const upTo = this.#upTo
    this.#gatheredBytes -= bytes
    if (this.#position + bytes > fileBytes) this.#position = 0
    const position = this.#position
    this.#position += Math.ceil(bytes / 4096) * 4096
    writev(this.#descriptor, pieces, position, (error) => {
      if (error !== null) throw error
      if (all) this.#stored(upTo)
      if (this.#gathered.length > 0) this.#commit()
      else this.#writing = false
    })
  }
}

/** Cuts a byte stream into frames without joining the chunks of one frame. */
function onFrames(
  socket: net.Socket,
  frame: (pieces: Uint8Array[], bytes: number, number: number) => void,
): void {
  let pieces: Uint8Array[] = []
  let missing = 0
  let bytes = 0
  let number = 0
  let head: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    let at = 0
    while (at < chunk.byteLength) {
      if (missing === 0) {
        const rest = chunk.subarray(at, at + headBytes - head.byteLength)
        at += rest.byteLength
        head = head.byteLength === 0 ? rest : Buffer.concat([head, rest])
        if (head.byteLength < headBytes) return
        bytes = head.readUInt32LE(0)
        number = head.readUInt32LE(4)
        missing = bytes
        pieces = [head]
        head = Buffer.alloc(0)
      }
      const body = chunk.subarray(at, at + missing)
      at += body.byteLength
      missing -= body.byteLength
      pieces.push(body)
      if (missing === 0) frame(pieces, bytes + headBytes, number)
    }
  })
}

function onNumbers(socket: net.Socket, take: (number: number) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; at + 4 <= bytes.byteLength; at += 4) take(bytes.readUInt32LE(at))
    rest = bytes.subarray(at)
  })
}

function sendNumber(socket: net.Socket, number: number): void {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(number, 0)
  socket.write(bytes)
}

/** One gathered write per turn. */
function corked(socket: net.Socket): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  setImmediate(() => socket.uncork())
}

function lead(): void {
  const stored = [0, 0, 0]
  let acked = 0
  let client: net.Socket | undefined
  const settle = () => {
    const sorted = [...stored].sort((left, right) => right - left)
    const quorum = sorted[1]!
    if (quorum <= acked || client === undefined) return
    acked = quorum
    corked(client)
    sendNumber(client, acked)
  }
  const wal = new GroupCommit(join(folder!, 'leader.wal'), (number) => {
    stored[0] = number
    settle()
  })
  const followers = peers.map((peer, index) => {
    const socket = net.connect(Number(peer), '127.0.0.1')
    socket.setNoDelay(true)
    onNumbers(socket, (number) => {
      stored[index + 1] = number
      settle()
    })
    return socket
  })
  listen((socket) => {
    client = socket
    onFrames(socket, (pieces, bytes, number) => {
      for (const follower of followers) {
        corked(follower)
        for (const piece of pieces) follower.write(piece)
      }
      wal.append(pieces, bytes, number)
    })
  })
}

function follow(): void {
  let leader: net.Socket | undefined
  const wal = new GroupCommit(join(folder!, `follower-${process.pid}.wal`), (number) => {
    if (leader === undefined) return
    corked(leader)
    sendNumber(leader, number)
  })
  listen((socket) => {
    leader = socket
    onFrames(socket, (pieces, bytes, number) => wal.append(pieces, bytes, number))
  })
}

function listen(accept: (socket: net.Socket) => void): void {
  const server = net.createServer((socket) => {
    socket.setNoDelay(true)
    accept(socket)
  })
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: (server.address() as net.AddressInfo).port })
  })
}

process.on('disconnect', () => process.exit(0))
if (role === 'leader') lead()
else follow()
