// The `quorate` command: runs one command and turns its end into an exit code. 0: done, 1: failed,
// 2: called wrongly. Data go to standard output, everything else to standard error. What a failure
// looks like is decided in failure.ts; which commands there are in program.ts.
import { CommanderError } from 'commander'
import { endWithReader } from './output.ts'
import { createProgram, type Starting } from './program.ts'

/** `argv`: what follows `quorate`. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithReader()
  let running: Starting = { command: 'quorate' }
  const program = createProgram(process.env, (starting) => {
    running = starting
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    // Help or version was asked for and printed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { describeFailure } = await import('./failure.ts')
    const verbose = argv.includes('--verbose') || process.env['QUORATE_VERBOSE'] === '1'
    const { text, exitCode } = describeFailure(error, { ...running, verbose })
    process.stderr.write(text)
    return exitCode
  }
}
