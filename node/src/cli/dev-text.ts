// What `quorate dev` says: the lines to paste, the last words of a node out of its log, commands as
// a shell takes them.
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { isErrorCode, QuorateError } from '@quorate/protocol'
import type { DevNode } from './dev-processes.ts'

export interface Welcome {
  readonly nodes: readonly DevNode[]
  readonly folder: string
  readonly ephemeral: boolean
  /** How commands are typed here: `quorate` or `npx quorate`. */
  readonly command: string
}

export function welcomeText({ nodes, folder, ephemeral, command }: Welcome): string {
  const first = nodes[0]!
  const last = nodes.at(-1)!
  const server = first.address === '127.0.0.1:4222' ? '' : ` --server nats://${first.address}`
  const data = ephemeral ? `${folder} (removed at the end)` : `${folder} (kept)`
  return [
    `quorate is ready: ${nodes.length === 1 ? 'one node' : `${nodes.length} nodes`}`,
    ...nodes.map(({ id, address, http }) => `  ${id}  nats://${address}  http://${http}`),
    '',
    'paste into another terminal:',
    `  echo 'hello' | ${command} produce orders${server} -o json`,
    `  ${command} consume orders${server}`,
    `  ${command} topic describe orders${server}`,
    ...(last === first
      ? []
      : [
          `  kill -9 $(cat ${shellWord(`${last.data}/pid`)})    # ${last.id} dies, the others go on`,
        ]),
    '',
    `data: ${data}   stop: Ctrl-C`,
    '',
  ].join('\n')
}

/** In the repository, and where npm runs it, the command is behind npx. */
export function commandName(
  scriptUrl: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const installed = scriptUrl.includes('/node_modules/')
  return installed && environment['npm_config_user_agent'] === undefined ? 'quorate' : 'npx quorate'
}

const tailBytes = 64 * 1024

/** The error a process printed, or its last line that is no JSON, from this size of the log on. */
export function lastWords(path: string, from: number): string | undefined {
  const lines = tailOf(path, from)
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('{'))
  return lines.findLast((line) => /^QUORATE_[A-Z_]+: /.test(line)) ?? lines.at(-1)
}

/** The error in a line of the form `CODE: message: detail`. */
export function errorOfLine(line: string | undefined): QuorateError | undefined {
  const match = /^(QUORATE_[A-Z_]+): (.*)$/.exec(line ?? '')
  const code = match?.[1] ?? ''
  if (!isErrorCode(code)) return undefined
  const { message } = new QuorateError(code)
  const text = match![2]!
  return new QuorateError(
    code,
    text.startsWith(`${message}: `) ? text.slice(message.length + 2) : text,
  )
}

export function shellLine(command: readonly string[]): string {
  return command.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function tailOf(path: string, from: number): string {
  const size = statSync(path).size
  const start = Math.max(from, size - tailBytes)
  const bytes = Buffer.alloc(Math.max(0, size - start))
  const file = openSync(path, 'r')
  try {
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.byteLength, start))
  } finally {
    closeSync(file)
  }
}
