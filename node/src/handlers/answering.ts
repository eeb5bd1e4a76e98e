// Guards what a handler does later, in the turn of whichever actor had its answer: a throw there is
// answered to the one who asked and never reaches that actor, which has nothing to do with it.
import { QuorateError } from '@quorate/protocol'
import { type ApiRequest, errorReply } from '../doors/api.ts'
import type { Broker } from './broker.ts'

export function answering<Args extends readonly unknown[]>(
  broker: Broker,
  request: ApiRequest,
  call: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      call(...args)
    } catch (error) {
      if (error instanceof QuorateError) request.respond(errorReply(error))
      else {
        // The request may have been passed on before: nobody knows what became of it.
        request.respond(errorReply(new QuorateError('QUORATE_INTERNAL')))
        broker.defect(request.subject, error)
      }
    }
  }
}
