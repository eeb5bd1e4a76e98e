// Asks a person at a terminal to type a name before something that cannot be taken back is done.
import { createInterface } from 'node:readline/promises'
import { UsageError } from './usage-error.ts'

/** `undone`: what has not happened, told where nobody can be asked. */
export async function confirmed(question: string, name: string, undone: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError(`${undone}: without a terminal it takes --yes`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await lines.question(`${question} Type its name: `)).trim() === name
  } finally {
    lines.close()
  }
}
