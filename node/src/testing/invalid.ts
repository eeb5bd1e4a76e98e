// The error for an argument that cannot be, as everywhere in quorate.
import { QuorateError } from '@quorate/protocol'

export function invalid(detail: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
}
