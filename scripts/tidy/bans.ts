// Calls that are banned in some folders, as a table: what, where, and what to use instead. It holds
// what the linter cannot see: members of globals, methods, and calls that are only too slow where
// messages pass.
import { type Finding, finding } from './finding.ts'
import { lineOf } from './mask.ts'
import { codeFiles, type Repository } from './repository.ts'

interface Ban {
  readonly name: string
  readonly pattern: RegExp
  readonly files: RegExp
  readonly except?: RegExp
  readonly use: string
}

const product = /^(?:protocol|raft|actors|client|node)\/src\//
const sansIo =
  /^(?:(?:protocol|raft|actors)\/src|node\/src\/(?:partition|metadata|replication|handlers|core-messaging|mesh|storage|simulation|laboratory\/(?:plan|cluster|checkers|history)))\//
/** Files that hold the real world: entries, hosts, and `…-node.ts` beside each simulated part. */
const realWorld = /(?:^|\/)(?:main\.ts|[\w-]*host[\w-]*\.ts|[\w-]+-node\.ts)$/
const cliOrRealWorld = new RegExp(
  `^node/src/cli/|^node/src/laboratory/(?:processes|runs)/|${realWorld.source}`,
)

/** What must be the same in every run and on every machine: `sansIo`, and the core of the client. */
const decides = new RegExp(`${sansIo.source}|^client/src/core/`)

export const bans: readonly Ban[] = [
  {
    name: 'Math.random',
    pattern: /\bMath\.random\b/g,
    files: /\/src\//,
    use: 'Random of the context (keyedRandom), or node:crypto in an entry',
  },
  {
    name: 'globalThis',
    pattern: /\bglobalThis\b/g,
    files: /\/src\//,
    // They put others in the place of clocks and timers.
    except: /^(?:cluster-tests\/src\/entropy\/|node\/src\/testing\/real-entropy-node\.ts$)/,
    use: 'the interface that was passed in',
  },
  {
    name: 'Date',
    pattern: /\bDate\b\s*[.(]|\bnew Date\b/g,
    files: sansIo,
    except: realWorld,
    use: 'Clock (wallMs, monotonicMs)',
  },
  {
    name: 'timers',
    pattern: /\b(?:setTimeout|setInterval|queueMicrotask)\s*\(/g,
    files: decides,
    except: realWorld,
    use: 'a timer of the actor context, or of Host',
  },
  {
    name: 'performance',
    pattern: /\bperformance\.\w|\bhrtime\b/g,
    files: decides,
    // Shrinking ends after a real time.
    except: new RegExp(`${realWorld.source}|/plan/smallest-plan\\.ts$`),
    use: 'Clock (monotonicMs)',
  },
  {
    name: 'crypto randomness',
    pattern: /\b(?:randomBytes|randomInt|randomUUID|randomFill(?:Sync)?|getRandomValues)\b/g,
    files: decides,
    except: realWorld,
    use: 'Random of the context (keyedRandom), or a nonce that is passed in',
  },
  {
    name: 'locale',
    pattern: /\bIntl\.|\b(?:localeCompare|toLocale\w+)\b/g,
    files: decides,
    except: realWorld,
    use: 'a comparison by code units: a locale is another one on another machine',
  },
  {
    name: 'weak references',
    pattern: /\b(?:WeakRef|FinalizationRegistry)\b/g,
    files: decides,
    except: realWorld,
    use: "an owner that lets go: when garbage is collected is nobody's to know",
  },
  {
    name: 'BigInt',
    pattern:
      /\b(?:set|get)Big(?:Int|Uint)64\b|\b(?:read|write)BigU?Int64[BL]E\b|\bBigInt\(|\bBig(?:Int|Uint)64Array\b/g,
    files: product,
    use: 'two uint32 halves (writeUint64, readUint64); BigInt costs 8 times as much per field',
  },
  {
    name: 'split',
    pattern: /\.split\(/g,
    files: /^(?:protocol\/src\/nats-[\w-]+\.ts|node\/src\/doors\/nats\/)/,
    use: 'a scan over the bytes; a split of a control line costs 20 times as much',
  },
  {
    name: 'setImmediate',
    pattern: /\bsetImmediate\b/g,
    files: product,
    except: realWorld,
    use: 'a message to self: turns come from Host.nextTurn alone',
  },
  {
    name: 'process',
    pattern: /(?<![.#\w])process\.\w/g,
    files: product,
    except: cliOrRealWorld,
    use: 'an option: only commands, main.ts, hosts and …-node.ts files read the process',
  },
  {
    name: 'Buffer.concat',
    pattern: /\bBuffer\.concat\b/g,
    files: product,
    except: /^node\/src\/cli\//,
    use: 'Chunks: joining record bytes costs a fifth of the throughput',
  },
  {
    name: 'export star',
    pattern: /\bexport \*/g,
    files: /\/src\//,
    use: 'an explicit list of names',
  },
]

export function checkBans(repository: Repository): Finding[] {
  const found: Finding[] = []
  for (const { path, text, masked } of codeFiles(repository)) {
    for (const { name, pattern, files, except, use } of bans) {
      if (!files.test(path) || except?.test(path)) continue
      for (const { index } of masked.code.matchAll(pattern)) {
        found.push(finding('ban', path, `no ${name} here: use ${use}`, lineOf(text, index)))
      }
    }
  }
  return found
}
