// Files, as seen by storage. Two implementations ship: the real one (disk-node.ts) and the
// simulated one (testing/simulated-disk.ts), which keeps page cache and synced state apart and
// loses, tears or delays what was not synced. Start-up reads and formatting may block the caller
// (`…Sync` methods); while the node runs only the completion style is used. A completion is always
// called on a later turn, never from inside the call.

export type DiskErrorCode = 'ENOSPC' | 'EIO' | 'ENOENT' | 'EEXIST' | 'EACCES' | 'OTHER'

export class DiskError extends Error {
  readonly code: DiskErrorCode
  readonly path: string
  constructor(code: DiskErrorCode, path: string, message: string, cause?: unknown) {
    super(`${code}: ${message} (${path})`, cause === undefined ? undefined : { cause })
    this.name = 'DiskError'
    this.code = code
    this.path = path
  }
}

export type Done = (error: DiskError | undefined) => void

export interface DiskFile {
  readonly path: string
  /** Reads up to `into.byteLength` bytes; returns or reports how many there were. */
  readSync(into: Uint8Array, position: number): number
  read(
    into: Uint8Array,
    position: number,
    done: (error: DiskError | undefined, bytesRead: number) => void,
  ): void
  writeSync(bytes: Uint8Array, position: number): void
  /** Into the page cache only. */
  write(pieces: readonly Uint8Array[], position: number, done: Done): void
  /** On the platter when done: one O_DSYNC writev on Linux, writev + fdatasync elsewhere. */
  writeDurable(pieces: readonly Uint8Array[], position: number, done: Done): void
  syncSync(): void
  /** Makes data and size durable, not the name: that is `syncDirectory`. */
  sync(done: Done): void
  sizeSync(): number
  close(): void
}

export type OpenMode =
  /** Must exist. */
  | 'read'
  /** Must exist; read and write. */
  | 'write'
  /** Must not exist; read and write. */
  | 'create'

export interface Disk {
  openSync(path: string, mode: OpenMode): DiskFile
  open(
    path: string,
    mode: OpenMode,
    done: (error: DiskError | undefined, file: DiskFile) => void,
  ): void
  /** Names of files and folders in a folder, sorted; empty when the folder does not exist. */
  listSync(folder: string): string[]
  existsSync(path: string): boolean
  makeFolderSync(path: string): void
  makeFolder(path: string, done: Done): void
  renameSync(from: string, to: string): void
  rename(from: string, to: string, done: Done): void
  removeSync(path: string): void
  remove(path: string, done: Done): void
  syncFolderSync(folder: string): void
  syncFolder(folder: string, done: Done): void
  /** Bytes an unprivileged writer can still allocate on the volume of `path`. */
  freeBytes(path: string, done: (error: DiskError | undefined, bytes: number) => void): void
}
