// What the commands of the tree have in common: an example, and the options of those that talk to a
// cluster. Used by program.ts and program-cluster.ts.
import type { Command } from 'commander'

export function example(command: Command, line: string): Command {
  return command.addHelpText('after', `\nExample:\n  ${line}`)
}

/** Options of every command that talks to a cluster. */
export function client(
  command: Command,
  server: string,
  formats: readonly string[] = ['table', 'json', 'jsonl'],
): Command {
  return command
    .option(
      '--server <address>',
      'any node of the cluster, or several by commas (QUORATE_SERVER)',
      server,
    )
    .option('-o, --output <format>', formats.join(' | '), formats[0])
}
