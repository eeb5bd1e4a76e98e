// What the HTTP door answers: health of the node for whoever runs it, and its metrics. Pure; the
// sockets are in http-node.ts. Knows nothing of what a check looks at.

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  /** What is the matter, or how far it has come. */
  readonly detail?: string
}

/** Asked at each request; cheap and synchronous. All checks of a list must be ok for a 200. */
export interface HttpSources {
  /** The process works; a failure means it should be restarted. */
  live(): readonly HealthCheck[]
  /** Start-up has ended. */
  started(): readonly HealthCheck[]
  /** The node serves: replicas recovered, mesh up, metadata leader known. */
  ready(): readonly HealthCheck[]
  metrics(): { readonly contentType: string; readonly body: string }
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const plainText = 'text/plain; charset=utf-8'
const paths = '/livez, /startupz, /readyz (each takes ?verbose) and /metrics'

/** `target` is the request target as sent, e.g. `/readyz?verbose`. */
export function answerHttp(method: string, target: string, sources: HttpSources): HttpAnswer {
  const [path = '', query = ''] = target.split('?', 2)
  const route = routeOf(path, sources)
  if (route === undefined) {
    return textAnswer(404, `there is no ${printable(path)} here; there are ${paths}\n`)
  }
  if (method !== 'GET' && method !== 'HEAD') {
    const answer = textAnswer(405, `${printable(method)} is not possible here; use GET or HEAD\n`)
    return { ...answer, headers: { ...answer.headers, allow: 'GET, HEAD' } }
  }
  return route(new URLSearchParams(query).has('verbose'))
}

function routeOf(
  path: string,
  sources: HttpSources,
): ((verbose: boolean) => HttpAnswer) | undefined {
  switch (path) {
    case '/livez':
      return (verbose) => health('livez', sources.live(), verbose)
    case '/startupz':
      return (verbose) => health('startupz', sources.started(), verbose)
    case '/readyz':
      return (verbose) => health('readyz', sources.ready(), verbose)
    case '/metrics':
      return () => {
        const { contentType, body } = sources.metrics()
        return { status: 200, headers: { 'content-type': contentType }, body }
      }
    default:
      return undefined
  }
}

/** A failing answer always lists its checks: whoever sees a 503 wants to know why. */
function health(name: string, checks: readonly HealthCheck[], verbose: boolean): HttpAnswer {
  const ok = checks.every((check) => check.ok)
  if (ok && !verbose) return textAnswer(200, 'ok\n')
  const lines = checks.map(
    (check) =>
      `[${check.ok ? '+' : '-'}] ${check.name}${check.detail ? `: ${check.detail}` : ''}\n`,
  )
  return textAnswer(ok ? 200 : 503, `${lines.join('')}${name} ${ok ? 'passed' : 'failed'}\n`)
}

export function textAnswer(status: number, body: string): HttpAnswer {
  return { status, headers: { 'content-type': plainText, 'cache-control': 'no-store' }, body }
}

/** What a client sent, safe to show: printable ASCII, at most 100 characters. */
function printable(sent: string): string {
  return sent.slice(0, 100).replaceAll(/[^!-~]/g, '?')
}
