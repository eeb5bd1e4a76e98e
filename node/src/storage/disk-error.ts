// Turns errors of the disk into the errors that leave storage. Knows nothing of what was written.
import { QuorateError } from '@quorate/protocol'
import { DiskError } from './disk.ts'

/** A DiskError as QUORATE_DISK_FULL or QUORATE_STORAGE_FAILED; anything else as it is. */
export function quorateErrorOf(error: unknown): unknown {
  return error instanceof DiskError ? ofDisk(error) : error
}

export function ofDisk(error: DiskError): QuorateError {
  const code = error.code === 'ENOSPC' ? 'QUORATE_DISK_FULL' : 'QUORATE_STORAGE_FAILED'
  return new QuorateError(code, error.message, { cause: error })
}
