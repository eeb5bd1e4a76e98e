// Kinds of the lines of a trace, as a table: the word in the third column, and what such a line says.
// How to read them: docs/how-to/read-a-trace.md. Light enough for a help text: it loads nothing.

export const traceKindTable = {
  phase: 'the run goes on to its next part',
  fault: 'a fault begins or ends, or something is damaged',
  elect: 'a node says that it leads a group',
  commit: 'a node learns how far a group has committed',
  msg: 'a message of another node is taken',
  disk: 'an operation that changes a disk is complete, or has failed',
  log: 'any other event of the log of a node',
  send: 'a client gives a record to its producer',
  ack: 'a client is told what became of a record',
  call: 'a client is answered another request',
  check: 'a promise that was violated',
} as const satisfies Readonly<Record<string, string>>

export type TraceKind = keyof typeof traceKindTable

export const traceKinds = Object.keys(traceKindTable) as readonly TraceKind[]

export function isTraceKind(name: string): name is TraceKind {
  return Object.hasOwn(traceKindTable, name)
}
