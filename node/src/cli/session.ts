// A connection of one command to the cluster: opened, used, closed, also when the command fails.
import { type Client, connect } from '@quorate/client'

export interface ClientOptions {
  readonly server: string
  readonly output: string
}

export async function withClient<Result>(
  { server }: Pick<ClientOptions, 'server'>,
  use: (client: Client) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const client = await connect(server.split(','), signal === undefined ? {} : { signal })
  try {
    return await use(client)
  } finally {
    // A second signal ends the process, so waiting for records in flight needs no bound here.
    await client.close()
  }
}

/** Aborts with the first SIGINT or SIGTERM. The second one ends the process in the usual way. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`interrupted by ${name}`)))
  }
  return controller.signal
}
