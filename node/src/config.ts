// Options of `quorate server start`: names, units, defaults, ranges and how they bound each other.
// They come from flags, then from QUORATE_* variables, then from the defaults; a wrong one is
// QUORATE_INVALID_ARGUMENT naming flag and variable. Pure: flags and environment are input. What an
// option is called and means stands in config-table.ts. Previous stop: the CLI; next: main.
import { QuorateError } from '@quorate/protocol'
import { z } from 'zod'
import { type LogLevel, logLevels, optionTable } from './config-table.ts'
import { formatAddress, type HostAndPort, parseAddress } from './mesh/address.ts'

export { type LogLevel, logLevels, type OptionRow, optionTable } from './config-table.ts'

export interface ServerConfig {
  readonly data: string
  /** `undefined`: the address of this node in its plan. */
  readonly listen: HostAndPort | undefined
  /** `host:port`; `undefined`: what it listens on. */
  readonly advertise: string | undefined
  /** `undefined`: no HTTP door. */
  readonly http: HostAndPort | undefined
  readonly autoCreateTopics: boolean
  readonly insecure: boolean
  /** Node id → `host:port`, instead of the address in plan and metadata. */
  readonly peers: ReadonlyMap<string, string>
  readonly logLevel: LogLevel
  readonly heartbeatMs: number
  readonly electionTimeoutMinMs: number
  readonly electionTimeoutMaxMs: number
  readonly scrubBytesPerSecond: number
  readonly scrubCycleMs: number
  readonly diskReserveBytes: number
}

const address = z.string().transform(addressFrom)
/** As text from a variable, as a boolean from a flag. */
const toggle = z.preprocess(
  (value) =>
    value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
  z.boolean({ error: 'is neither true nor false' }),
)
const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int({ error: 'is not a whole number' }).min(min).max(max),
  )
const peerList = z.union([z.array(z.string()), z.string().transform((text) => text.split(','))])

const schema = z.strictObject({
  data: z.string({ error: 'must be given' }).min(1),
  listen: address.optional(),
  advertise: address
    .refine(({ port }) => port > 0, 'needs a port above 0')
    .transform(({ host, port }) => formatAddress(host, port))
    .optional(),
  http: z
    .string()
    .default('127.0.0.1:8222')
    .transform((text, context) => (text === 'off' ? undefined : addressFrom(text, context))),
  peer: peerList.transform(peersOf).default(new Map()),
  autoCreateTopics: toggle.default(false),
  insecure: toggle.default(false),
  logLevel: z.enum(logLevels).default('info'),
  heartbeatMs: wholeNumber(10, 10_000).default(100),
  electionTimeoutMinMs: wholeNumber(50, 60_000).default(600),
  electionTimeoutMaxMs: wholeNumber(50, 120_000).default(900),
  scrubBytesPerSecond: wholeNumber(65_536, 1_073_741_824).default(4_194_304),
  scrubCycleMs: wholeNumber(1000, 1_209_600_000).default(86_400_000),
  diskReserveBytes: wholeNumber(0, 1_099_511_627_776).default(268_435_456),
})

export interface ConfigInput {
  /** By name; `undefined` where a flag was not given. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Throws QUORATE_INVALID_ARGUMENT, or QUORATE_INSECURE_BIND. */
export function parseServerConfig(input: ConfigInput): ServerConfig {
  const given: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input.flags)) {
    if (value !== undefined) given[name] = value
  }
  for (const { name, variable } of optionTable) {
    const value = input.environment[variable]
    if (given[name] === undefined && value !== undefined && value !== '') given[name] = value
  }
  const parsed = schema.safeParse(given)
  if (!parsed.success) throw invalid(parsed.error.issues[0]!)
  const { peer, listen, advertise, http, ...rest } = parsed.data
  const config: ServerConfig = { ...rest, listen, advertise, http, peers: peer }
  checkRelations(config)
  return config
}

export interface BoundAddresses {
  readonly listen: HostAndPort
  /** `undefined`: the host listened on, with the port that was free. */
  readonly advertise: string | undefined
}

/** `planAddress`: this node's address in its plan. Throws as `parseServerConfig` does. */
export function addressesOf(config: ServerConfig, planAddress: string): BoundAddresses {
  const listen = config.listen ?? parseAddress(planAddress)
  checkBind('--listen', listen, config.insecure)
  if (config.advertise !== undefined) return { listen, advertise: config.advertise }
  if (isWildcard(listen.host)) {
    throw new QuorateError(
      'QUORATE_INVALID_ARGUMENT',
      `--listen ${formatAddress(listen.host, listen.port)} needs --advertise: others cannot connect to it`,
    )
  }
  const advertise = listen.port === 0 ? undefined : formatAddress(listen.host, listen.port)
  return { listen, advertise }
}

/** Clients are not authenticated, so only this machine may reach a node unless told otherwise. */
export function checkBind(option: string, bind: HostAndPort, insecure: boolean): void {
  if (insecure || isLoopback(bind.host)) return
  throw new QuorateError(
    'QUORATE_INSECURE_BIND',
    `${option} ${formatAddress(bind.host, bind.port)}; anybody who reaches it could read and write everything`,
  )
}

function checkRelations(config: ServerConfig): void {
  const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs, insecure } = config
  if (electionTimeoutMinMs < 3 * heartbeatMs) {
    throw new QuorateError(
      'QUORATE_INVALID_ARGUMENT',
      `--election-timeout-min-ms ${electionTimeoutMinMs} is below 3 × --heartbeat-ms ${heartbeatMs}`,
    )
  }
  if (electionTimeoutMaxMs <= electionTimeoutMinMs) {
    throw new QuorateError(
      'QUORATE_INVALID_ARGUMENT',
      `--election-timeout-max-ms ${electionTimeoutMaxMs} is not above --election-timeout-min-ms ${electionTimeoutMinMs}`,
    )
  }
  if (config.listen !== undefined) checkBind('--listen', config.listen, insecure)
  if (config.http !== undefined) checkBind('--http', config.http, insecure)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function addressFrom(text: string, context: z.RefinementCtx): HostAndPort {
  try {
    return parseAddress(text)
  } catch {
    context.addIssue({ code: 'custom', message: `${text} is not host:port` })
    return z.NEVER
  }
}

function peersOf(texts: readonly string[], context: z.RefinementCtx): Map<string, string> {
  const peers = new Map<string, string>()
  for (const text of texts) {
    const parts = /^([A-Za-z0-9-]{1,32})=(.+)$/.exec(text)
    const found = parts === null ? undefined : address.safeParse(parts[2])
    if (parts === null || found?.success !== true || found.data.port === 0) {
      context.addIssue({ code: 'custom', message: `${text} is not ID=host:port` })
      return z.NEVER
    }
    if (peers.has(parts[1]!)) {
      context.addIssue({ code: 'custom', message: `node ${parts[1]} is given twice` })
      return z.NEVER
    }
    peers.set(parts[1]!, formatAddress(found.data.host, found.data.port))
  }
  return peers
}

function invalid(issue: z.core.$ZodIssue): QuorateError {
  const option = optionTable.find(({ name }) => name === issue.path[0])
  const where = option === undefined ? '' : `${option.flag} (${option.variable}): `
  const range = option === undefined ? '' : `; allowed: ${option.range}`
  return new QuorateError('QUORATE_INVALID_ARGUMENT', `${where}${issue.message}${range}`)
}
