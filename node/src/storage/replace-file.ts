// Replaces a file whole while the node runs: temporary name, write, sync, rename, sync the folder.
// After a crash either the old or the new content is found. A chain of completions without state of
// its own; used for the manifest and for checkpoints, which decide what to do with an error.
import { folderOf } from './checked-text.ts'
import type { Disk, DiskError, DiskFile, Done } from './disk.ts'

/** Bytes of one background write. */
export const backgroundPieceBytes = 256 * 1024

export function replaceFile(disk: Disk, path: string, bytes: Uint8Array, done: Done): void {
  const temporary = `${path}.tmp`
  create(disk, temporary, (openError, file) => {
    if (openError !== undefined) {
      done(openError)
      return
    }
    const finish = (error: DiskError | undefined): void => {
      file.close()
      if (error !== undefined) disk.remove(temporary, () => done(error))
      else rename(disk, temporary, path, done)
    }
    writePieces(file, bytes, 0, (error) => {
      if (error !== undefined) finish(error)
      else file.sync(finish)
    })
  })
}

/** Creates the file; one that an interrupted attempt left is removed first. */
export function create(
  disk: Disk,
  path: string,
  done: (error: DiskError | undefined, file: DiskFile) => void,
): void {
  disk.open(path, 'create', (error, file) => {
    if (error?.code !== 'EEXIST') {
      done(error, file)
      return
    }
    disk.remove(path, (removeError) => {
      if (removeError !== undefined) done(removeError, file)
      else disk.open(path, 'create', done)
    })
  })
}

/** One piece at a time, so that a large file does not fill the IO queue. */
export function writePieces(file: DiskFile, bytes: Uint8Array, from: number, done: Done): void {
  if (from >= bytes.byteLength) {
    done(undefined)
    return
  }
  const to = Math.min(from + backgroundPieceBytes, bytes.byteLength)
  file.write([bytes.subarray(from, to)], from, (error) => {
    if (error !== undefined) done(error)
    else writePieces(file, bytes, to, done)
  })
}

function rename(disk: Disk, temporary: string, path: string, done: Done): void {
  disk.rename(temporary, path, (error) => {
    if (error !== undefined) done(error)
    else disk.syncFolder(folderOf(path), done)
  })
}
