// What went wrong with a folder that a person named: a wrong name or missing rights are their
// argument's fault, a full disk is not. Errors that have a code of their own stay as they are.
import { QuorateError } from '@quorate/protocol'

export function folderError(error: unknown, option: string): unknown {
  const found = error instanceof QuorateError ? systemError(error.cause) : systemError(error)
  if (found === undefined) return error
  if (found.code === 'ENOSPC' || found.code === 'EDQUOT') {
    return new QuorateError('QUORATE_DISK_FULL', option, { cause: found })
  }
  // `EIO` and the like: the disk's fault, as whoever met it has said.
  if (error instanceof QuorateError && found.code === 'EIO') return error
  return new QuorateError('QUORATE_INVALID_ARGUMENT', option, { cause: found })
}

function systemError(error: unknown): (Error & { code: string }) | undefined {
  if (!(error instanceof Error) || error instanceof QuorateError) return undefined
  return 'code' in error && /^E[A-Z]+$/.test(String(error.code))
    ? (error as Error & { code: string })
    : undefined
}
