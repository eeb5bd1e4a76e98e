// `quorate server start`: checks the options and runs the node until a signal. A node that `dev`
// started has a channel to it and ends when that closes: main.ts stops it in order, and here is what
// holds while it is still starting, or cannot start.
import { parseServerConfig } from '../config.ts'
import { runServer } from '../main.ts'

/** More than an orderly stop takes. */
const orphanMs = 20_000

export async function runStart(flags: Readonly<Record<string, unknown>>): Promise<void> {
  if (process.send !== undefined) {
    if (!process.connected) return
    // What is acknowledged is on disk: ending like this loses nothing.
    process.once('disconnect', () => setTimeout(() => process.exit(1), orphanMs).unref())
  }
  try {
    const code = await runServer(parseServerConfig({ flags, environment: process.env }))
    // Sockets of clients may keep the loop alive; everything that matters is closed.
    process.exit(code)
  } catch (error) {
    // An open channel would keep the process alive after it has said what is the matter.
    process.removeAllListeners('disconnect')
    if (process.connected) process.disconnect()
    throw error
  }
}
