// The branch `quorate chaos` of the tree of commands (program.ts): names, options, texts. The
// laboratory and fast-check are loaded by the commands when they run, not here.
import type { Command } from 'commander'
import { planKindTable } from '../laboratory/plan/plan-kinds.ts'
import { traceKinds } from '../laboratory/trace/trace-kinds.ts'
import { example } from './program-parts.ts'

const kindsOfLines = traceKinds.join(', ')

export function addChaos(program: Command): void {
  const chaos = program
    .command('chaos')
    .description('look for plans of faults under which a cluster breaks its promises')
  example(chaos, 'quorate chaos sim --minutes 10')
  addSim(chaos)
  addReplay(chaos)
  addShrink(chaos)
  addReport(chaos)
  addRun(chaos)
  addCheck(chaos)
}

function addSim(chaos: Command): void {
  const sim = kind(chaos.command('sim'))
    .description(
      'run drawn plans on simulated clusters, on all cores; exit code 1: one was violated',
    )
    .option('--seeds <count>', 'how many plans (default: 100, or what fits into --minutes)')
    .option('--minutes <count>', 'begin no plan after this time')
    .option('--first-seed <seed>', 'number of the first plan (default: 1, or the next of --report)')
    .option('--workers <count>', 'processes that run plans (default: one for each core)')
    .option('--report <file>', 'add a line to this file, and go on behind its last seed')
    .option('--keep-going', 'do not end at the first violation')
    .option('-o, --output <format>', 'table | json', 'table')
    .action(async (options) => (await import('./chaos-sim.ts')).runSim(options))
  example(sim, 'quorate chaos sim --kind sim-storage --seeds 1000')
}

function addReplay(chaos: Command): void {
  const replay = kind(chaos.command('replay <plan>'))
    .description('run one plan again: a number, which draws it, or a file that holds it')
    .option('--trace', 'print what happens, a line for each event')
    .option('--only <kinds>', `with --trace, lines of these alone, by commas: ${kindsOfLines}`)
    .option('--node <node>', 'with --trace, lines about this node or client alone')
    .option('--from <ms>', 'with --trace, lines from this simulated time on')
    .option('--to <ms>', 'with --trace, lines up to this simulated time')
    .option('--history <file>', 'write there what the clients did and saw, for chaos check')
    .option('-o, --output <format>', 'table | json', 'table')
    .action(async (plan, options) => (await import('./chaos-replay.ts')).runReplay(plan, options))
  example(replay, 'quorate chaos replay 42 --kind sim-storage')
}

function addShrink(chaos: Command): void {
  const shrink = kind(chaos.command('shrink <plan>'))
    .description('make a plan that fails smaller, and print it')
    .option('--minutes <count>', 'ends after this time with the smallest so far', '10')
    .option('--out <file>', 'write the plan there instead')
    .action(async (plan, options) => (await import('./chaos-shrink.ts')).runShrink(plan, options))
  example(shrink, 'quorate chaos shrink failing-plan-sim-42.json --out smaller.json')
}

function addReport(chaos: Command): void {
  const report = chaos
    .command('report <file>')
    .description('add up the lines that chaos sim --report has written')
    .option('--verify <count>', 'run so many of its seeds again; exit code 1: another hash')
    .option('-o, --output <format>', 'table | json', 'table')
    .action(async (file, options) => (await import('./chaos-report.ts')).runReport(file, options))
  example(report, 'quorate chaos report simulation.jsonl --verify 5')
}

function addCheck(chaos: Command): void {
  const check = chaos
    .command('check <history>')
    .description('judge a file of what clients did and saw; exit code 1: a promise was broken')
    .option('-o, --output <format>', 'table | json', 'table')
    .action(async (file, options) => (await import('./chaos-check.ts')).runCheck(file, options))
  example(check, 'quorate chaos check history.jsonl')
}

function addRun(chaos: Command): void {
  const run = chaos
    .command('run')
    .description('real node processes on this machine under load and faults; exit code 1: violated')
    .option('--nodes <count>', '3 or 5', '3')
    .option('--minutes <count>', 'how long the load and the faults last', '10')
    .option('--rate <count>', 'records a second', '1000')
    .option(
      '--faults <words>',
      'by commas, what is drawn: kill, pause, partition, link, disk-full, damage',
      'kill,pause,partition,link,disk-full,damage',
    )
    .option('--seed <seed>', 'draws the faults', '1')
    .option('--plan <file>', 'nothing is drawn: the faults, nodes and time of this plan')
    .option('--history <file>', 'write what clients did and saw; without it only when violated')
    .option('--keep', 'leave the data and logs of the nodes')
    .option('-o, --output <format>', 'table | json', 'table')
    .action(async (options) => (await import('./chaos-run.ts')).runChaos(options))
  example(run, 'quorate chaos run --minutes 2 --rate 500 --faults kill,partition')
}

/** The option of every command that draws plans. */
function kind(command: Command): Command {
  const kinds = Object.entries(planKindTable).map(([name, meaning]) => `${name}: ${meaning}`)
  return command.option('--kind <kind>', `of drawn plans. ${kinds.join('; ')}`, 'sim')
}
