// `quorate server start`: checks the options and runs the node until a signal.
import { parseServerConfig } from '../config.ts'
import { runServer } from '../main.ts'

export async function runStart(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const code = await runServer(parseServerConfig({ flags, environment: process.env }))
  // Sockets of clients may keep the loop alive; everything that matters is closed.
  process.exit(code)
}
