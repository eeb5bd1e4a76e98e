// Notices a process of the user that waits for something outside the simulation: a real timer, a
// socket, a file. Its run would depend on the machine then. Node tells of each such resource when it
// is made; the process it belongs to is known by the asynchronous context it was made in.
import { AsyncLocalStorage, createHook } from 'node:async_hooks'

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
    createHook({ init: (_id, kind) => noteUse(kind) }).enable()
  }
  watched.run({ used }, start)
}

function noteUse(kind: string): void {
  const watch = watched.getStore()
  if (watch === undefined) return
  const what = kinds[kind]
  // The place of the call, without this function and the hook.
  if (what !== undefined) watch.used(what, placeOf(new Error().stack ?? ''))
}

/** The first line of a stack that is no part of Node or of this file. */
function placeOf(stack: string): string {
  const lines = stack.split('\n').slice(1)
  const own = lines.find((line) => !/node:|real-io-node/.test(line))
  return own?.trim().replace(/^at /, '') ?? 'an unknown place'
}
