// The options of `quorate server start` as a table: flag, variable, unit, default, range, relation.
// It stands apart from its parser in config.ts so that help and commands that start no node do not
// load it. docs/reference/config.md holds the same table; a test compares them.

export const logLevels = ['info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface OptionRow {
  /** Key of a flag as the CLI parses it. */
  readonly name: string
  readonly flag: string
  readonly variable: string
  readonly unit: string
  readonly default: string
  readonly range: string
  /** What must hold between this option and others; empty when nothing. */
  readonly relation: string
  readonly about: string
}

export const optionTable: readonly OptionRow[] = [
  {
    name: 'data',
    flag: '--data DIR',
    variable: 'QUORATE_DATA',
    unit: 'path',
    default: 'none, must be given',
    range: 'a folder formatted with quorate server format',
    relation: 'one node process per folder',
    about: 'where this node keeps its log, its identity and the cluster secret',
  },
  {
    name: 'listen',
    flag: '--listen HOST:PORT',
    variable: 'QUORATE_LISTEN',
    unit: 'address',
    default: "this node's address in the plan",
    range: 'port 0 to 65535, 0 takes a free one',
    relation: 'a host beyond loopback needs --insecure',
    about: 'where clients and other nodes connect to',
  },
  {
    name: 'advertise',
    flag: '--advertise HOST:PORT',
    variable: 'QUORATE_ADVERTISE',
    unit: 'address',
    default: 'the address listened on',
    range: 'port 1 to 65535',
    relation: 'must be given when --listen names all interfaces (0.0.0.0 or [::])',
    about: 'the address told to clients and other nodes',
  },
  {
    name: 'http',
    flag: '--http HOST:PORT',
    variable: 'QUORATE_HTTP',
    unit: 'address',
    default: '127.0.0.1:8222',
    range: 'port 0 to 65535, 0 takes a free one; off for none',
    relation: 'a host beyond loopback needs --insecure',
    about: 'where /livez, /startupz, /readyz and /metrics are served',
  },
  {
    name: 'peer',
    flag: '--peer ID=HOST:PORT',
    variable: 'QUORATE_PEER',
    unit: 'node id and address',
    default: 'none',
    range: 'once per node id; in the variable separated by commas',
    relation: 'comes before the address in the plan and in metadata',
    about: 'where this node reaches another one, e.g. through a proxy',
  },
  {
    name: 'autoCreateTopics',
    flag: '--auto-create-topics',
    variable: 'QUORATE_AUTO_CREATE_TOPICS',
    unit: 'true or false',
    default: 'false',
    range: 'true, false',
    relation: '',
    about: 'create an unknown topic when somebody produces to it',
  },
  {
    name: 'insecure',
    flag: '--insecure',
    variable: 'QUORATE_INSECURE',
    unit: 'true or false',
    default: 'false',
    range: 'true, false',
    relation: 'needed by --listen and --http beyond loopback',
    about: 'accept that anybody who reaches the port can read and write everything',
  },
  {
    name: 'logLevel',
    flag: '--log-level LEVEL',
    variable: 'QUORATE_LOG_LEVEL',
    unit: 'level',
    default: 'info',
    range: logLevels.join(', '),
    relation: '',
    about: 'least severe log lines that are written',
  },
  {
    name: 'heartbeatMs',
    flag: '--heartbeat-ms N',
    variable: 'QUORATE_HEARTBEAT_MS',
    unit: 'ms',
    default: '100',
    range: '10 to 10000',
    relation: 'the same on all nodes; at most a third of --election-timeout-min-ms',
    about: 'time between two heartbeats of a leader',
  },
  {
    name: 'electionTimeoutMinMs',
    flag: '--election-timeout-min-ms N',
    variable: 'QUORATE_ELECTION_TIMEOUT_MIN_MS',
    unit: 'ms',
    default: '600',
    range: '50 to 60000',
    relation: 'at least 3 × --heartbeat-ms',
    about: 'shortest silence of a leader after which a replica asks for votes',
  },
  {
    name: 'electionTimeoutMaxMs',
    flag: '--election-timeout-max-ms N',
    variable: 'QUORATE_ELECTION_TIMEOUT_MAX_MS',
    unit: 'ms',
    default: '900',
    range: '50 to 120000',
    relation: 'above --election-timeout-min-ms',
    about: 'longest such silence; each wait is random between the two',
  },
  {
    name: 'scrubBytesPerSecond',
    flag: '--scrub-bytes-per-second N',
    variable: 'QUORATE_SCRUB_BYTES_PER_SECOND',
    unit: 'bytes/s',
    default: '4194304 (4 MiB/s)',
    range: '65536 to 1073741824',
    relation:
      'all data are read once in --scrub-cycle-ms, or as often as this allows; 4 MiB/s is 4.6 TiB in 14 days',
    about: 'how fast stored data are read again, at most, to find damage',
  },
  {
    name: 'scrubCycleMs',
    flag: '--scrub-cycle-ms N',
    variable: 'QUORATE_SCRUB_CYCLE_MS',
    unit: 'ms',
    default: '86400000 (a day)',
    range: '1000 to 1209600000 (14 days)',
    relation: 'longer where --scrub-bytes-per-second does not allow it',
    about:
      'time from one check of all stored data to the next; the first begins after a minute at most',
  },
  {
    name: 'diskReserveBytes',
    flag: '--disk-reserve-bytes N',
    variable: 'QUORATE_DISK_RESERVE_BYTES',
    unit: 'bytes',
    default: '268435456 (256 MiB)',
    range: '0 to 1099511627776, 0 refuses nothing',
    relation: 'records are taken again at 1.25 times as much',
    about: 'free space of the disk below which records are refused',
  },
]
