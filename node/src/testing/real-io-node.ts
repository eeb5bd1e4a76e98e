// Notices a process of the user that uses something outside the simulation: a real timer, a socket, a
// file, a clock, randomness. Its run would depend on the machine then. Node tells of each such resource
// when it is made, real-entropy-node.ts of looks at clocks; the process it belongs to is known by the
// asynchronous context.
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { watchEntropy } from './real-entropy-node.ts'
import { isOfPackage, nearestPlace } from './stack-place.ts'

/** Kinds of resources as Node names them, and what to say about each. */
const kinds: Readonly<Record<string, string>> = {
  Timeout: 'a timer: use `sleep` of its context',
  Immediate: 'setImmediate: use `sleep(0)` of its context',
  FSREQCALLBACK: 'a file: use `store` of its context',
  FSREQPROMISE: 'a file: use `store` of its context',
  TCPCONNECTWRAP: 'a socket',
  TCPWRAP: 'a socket',
  TLSWRAP: 'a socket',
  UDPWRAP: 'a socket',
  PIPECONNECTWRAP: 'a socket',
  GETADDRINFOREQWRAP: 'a name look-up',
  QUERYWRAP: 'a name look-up',
  HTTPCLIENTREQUEST: 'an HTTP request',
  HTTPINCOMINGMESSAGE: 'an HTTP request',
  PROCESSWRAP: 'a child process',
  WORKER: 'a worker thread',
  RANDOMBYTESREQUEST: 'random bytes: use `random` of its context',
  HASHREQUEST: 'cryptography in another thread',
  PBKDF2REQUEST: 'cryptography in another thread',
  SCRYPTREQUEST: 'cryptography in another thread',
  ZLIB: 'compression in another thread',
}

interface Watched {
  readonly used: (what: string, where: string) => void
}

const watched = new AsyncLocalStorage<Watched | undefined>()
let enabled = false

/** Runs `start` and all that follows from it; `used` is called at each use of something real. */
export function watchRealIo(start: () => void, used: Watched['used']): void {
  if (!enabled) {
    enabled = true
    createHook({ init: (_id, kind) => noteResource(kind) }).enable()
  }
  watchEntropy(noteEntropy)
  watched.run({ used }, start)
}

function noteResource(kind: string): void {
  const what = kinds[kind]
  if (what === undefined) return
  watched.getStore()?.used(what, placeOfCall() ?? 'an unknown place')
}

/** Packages look at clocks for their logs: only code of the user itself counts. */
function noteEntropy(what: string): void {
  const watch = watched.getStore()
  if (watch === undefined) return
  const where = placeOfCall()
  if (where !== undefined && !isOfPackage(where)) watch.used(what, where)
}

function placeOfCall(): string | undefined {
  return nearestPlace(new Error().stack ?? '')
}
