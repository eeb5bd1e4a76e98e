// A mistake in how a command was called, found by the argument parser or by the command itself. It
// ends the command with exit code 2. Next stop: failure.ts, which says where help is.

export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}
