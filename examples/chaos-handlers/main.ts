// Runs both programs under chaos: prints how the naive one fails, and that the other one does not.
import { parseArgs } from 'node:util'
import { ChaosFailure, runChaos } from 'quorate/testing'
import { idempotentBilling, naiveBilling } from './handlers.ts'
import { chargesOnce } from './scenario.ts'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '4' },
  },
})
const chaos = { runs: Number(options.runs), seed: Number(options.seed) }

let found = false
try {
  await runChaos('naive billing charges once', chargesOnce(naiveBilling), chaos)
} catch (error) {
  if (!(error instanceof ChaosFailure)) throw error
  found = true
  console.log(error.message)
}

const { runs, virtualMs } = await runChaos(
  'idempotent billing charges once',
  chargesOnce(idempotentBilling),
  chaos,
)
console.log(
  `\nidempotent billing: ${runs} runs hold, ${Math.round(virtualMs / 1000)} s of virtual time`,
)
process.exitCode = found ? 0 : 1
