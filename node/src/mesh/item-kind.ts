// Numbers of what a mesh frame can hold. They are on the wire: never renumber, never reuse.

export const ItemKind = {
  voteRequest: 1,
  voteReply: 2,
  append: 3,
  appendReply: 4,
  heartbeat: 5,
  heartbeatReply: 6,
  timeoutNow: 7,
  snapshot: 8,
  snapshotReply: 9,
  holeRequest: 10,
  holeReply: 11,
  fencePassed: 12,
  quarantine: 13,
  /** A request of the API, forwarded to the node that can serve it. */
  request: 16,
  reply: 17,
  /** Bytes of core messaging and of the leader table, in order among each other. */
  interest: 32,
  core: 33,
  leaders: 34,
  /** A message to an actor of the other node. */
  actor: 48,
} as const
export type ItemKind = (typeof ItemKind)[keyof typeof ItemKind]
