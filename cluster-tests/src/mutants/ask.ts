// Asks a child process to run plans on a patched build: a patched module cannot be unloaded, so each
// question gets a process of its own. What it does is mutant-main.ts.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer } from './mutant-main.ts'

const program = fileURLToPath(new URL('./mutant-main.ts', import.meta.url))
const outputBytesMax = 16 * 1024 * 1024

/** Fails when the child does, for example since a patch does not fit any more. */
export function askMutant(...commandLine: readonly (string | number)[]): Promise<Answer> {
  const words = [program, ...commandLine.map(String)]
  return new Promise((answer, fail) => {
    execFile(process.execPath, words, { maxBuffer: outputBytesMax }, (error, stdout) => {
      if (error === null) answer(JSON.parse(stdout) as Answer)
      else fail(error)
    })
  })
}
