// What to do after each error, as the command line says it: a command to run where there is one. The
// type asks for a step for every code of the error table, so that a new code cannot be forgotten.
import type { ErrorCode } from '@quorate/protocol'

const status = 'quorate cluster status'
const report = 'run it again with --verbose and report it, with the log of the node'
const otherFolder = 'choose an empty folder with --data'

export const nextSteps: Readonly<Record<ErrorCode, string>> = {
  QUORATE_UNKNOWN_TOPIC: 'quorate topic create TOPIC, or find the right name: quorate topic ls',
  QUORATE_TOPIC_EXISTS: 'quorate topic describe TOPIC',
  QUORATE_INVALID_TOPIC: 'choose a name of A-Z a-z 0-9 . _ -',
  QUORATE_NOT_ENOUGH_NODES: `ask for fewer --replicas, or see ${status}`,

  QUORATE_NOT_LEADER: `run it again; if it stays so: ${status}`,
  QUORATE_NO_LEADER: status,
  QUORATE_NO_QUORUM: status,
  QUORATE_UNKNOWN_OUTCOME:
    'look whether it was done before running it again: quorate topic describe TOPIC',
  QUORATE_TIMEOUT: status,
  QUORATE_DELIVERY_TIMEOUT: status,
  QUORATE_OVERLOADED: `run it again later; if it stays so: ${status}`,
  QUORATE_SHUTTING_DOWN: 'run it again with --server and the address of another node',
  QUORATE_CONNECTION_FAILED:
    'start a cluster with quorate dev, or name a node with --server nats://HOST:PORT',
  QUORATE_CLOSED: 'run it again',

  QUORATE_RECORD_TOO_LARGE: 'store the body elsewhere and send its reference',
  QUORATE_BATCH_TOO_LARGE: 'send smaller records',
  QUORATE_CORRUPT_BATCH: report,
  QUORATE_PRODUCER_FENCED: 'run it again',
  QUORATE_OUT_OF_ORDER_SEQUENCE: report,
  QUORATE_UNKNOWN_PRODUCER: 'run it again',
  QUORATE_PRODUCER_TABLE_FULL:
    'send from fewer producers; one is forgotten 7 days after its last record',
  QUORATE_OFFSET_OUT_OF_RANGE: 'quorate topic describe TOPIC shows the offsets of each partition',
  QUORATE_DECODE_FAILED: 'read on with --from and the offset after this one',
  QUORATE_SCHEMA_INVALID: 'correct the value',

  QUORATE_DISK_FULL: 'free space on the disk of the node; it tries again each second',
  QUORATE_STORAGE_FAILED: 'check the disk of the node, then start the node again',
  QUORATE_STORAGE_DAMAGED: 'keep the folder as it is and see docs/how-to/troubleshooting.md',
  QUORATE_DATA_IN_USE: 'stop the process that uses it, or choose another folder with --data',
  QUORATE_DATA_NOT_FORMATTED: 'quorate server format --help',
  QUORATE_DATA_FOREIGN: 'name the data folder of a node, such as .quorate/n1, or an empty folder',
  QUORATE_DATA_EXISTS: otherFolder,
  QUORATE_FORMAT_VERSION: 'use the version of quorate that wrote the data',
  QUORATE_WRONG_CLUSTER: 'check that addresses and data folders belong to one cluster',
  QUORATE_WRONG_NODE: 'check that addresses are right and that no data folder was copied',

  QUORATE_INVALID_ARGUMENT: 'quorate --help',
  QUORATE_INVALID_REQUEST: report,
  QUORATE_UNKNOWN_SUBJECT: 'use the same version of quorate here and on the nodes',
  QUORATE_PERMISSION: 'use subjects that are open to clients',
  QUORATE_PAYLOAD_TOO_LARGE: 'send smaller records',
  QUORATE_UNSUPPORTED: 'quorate --help',
  QUORATE_INTERNAL: report,

  QUORATE_PORT_IN_USE:
    'choose another port (0 takes a free one), or stop the process that listens there',
  QUORATE_INSECURE_BIND: 'listen on 127.0.0.1, or add --insecure on a network you trust',
  QUORATE_NODE_VERSION: 'install Node.js 24, or run it through npm in the repository',

  QUORATE_UNKNOWN_NODE: status,
  QUORATE_NODE_EXISTS: 'choose another id, or see quorate cluster replace-node --help',
  QUORATE_NODE_ALIVE: `leave it as it is, or stop it first: ${status}`,
  QUORATE_NODE_LEAVING: `choose a node that stays: ${status}`,
  QUORATE_NODE_IN_USE: 'quorate cluster remove-node --help',
  QUORATE_MOVE_IN_FLIGHT: `wait for earlier moves: ${status}`,
}
