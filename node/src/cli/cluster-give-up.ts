// `quorate cluster give-up-node`: the disk of a node is gone for good, and the metadata group has no
// leader that could replace the node, because it waits for it.
import { confirmed } from './confirmed.ts'
import { outputFormat, printRows } from './output.ts'
import { type ClientOptions, withClient } from './session.ts'
import { UsageError } from './usage-error.ts'

interface GiveUpOptions extends ClientOptions {
  readonly yes?: boolean
}

export async function runGiveUp(node: string, options: GiveUpOptions): Promise<void> {
  const format = outputFormat(options.output, ['table', 'json', 'jsonl'])
  const undone = `${node} was not given up`
  const question = `is the disk of ${node} gone for good? What only it holds is lost then, and it can only come back empty.`
  if (options.yes !== true && !(await confirmed(question, node, undone))) {
    throw new UsageError(`${undone}: that is not its name`)
  }
  const reply = await withClient(options, (client) => client.admin.giveUpNode(node))
  const { by, unreached, ...row } = reply
  const texts = { by: by.join(' '), unreached: unreached.join(' ') }
  printRows(format, [{ ...row, ...texts }], reply)
  const again =
    unreached.length === 0 ? '' : `when ${unreached.join(', ')} is back, run this again; `
  process.stderr.write(`next: ${again}quorate cluster replace-node ${node} --plan FILE\n`)
}
