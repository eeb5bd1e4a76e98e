// Why a test under simulation cannot go on or did not hold, as one error class with a reason.

export const testClusterReasons = {
  stuck: 'nothing that the test waits for has happened for ten minutes of virtual time',
  'not-true': 'the condition of `until` was not true in time',
  'process-failed': 'the function of a process threw; `cause` is what',
  'not-simulated':
    'a process used a timer, a socket, a file, a clock or something else that is not simulated',
  violated: 'the cluster broke a guarantee: a defect of quorate; please report it with the seed',
} as const

/** Why a test cannot go on. */
export type TestClusterReason = keyof typeof testClusterReasons

/** Thrown into whatever the test waits for. */
export class TestClusterError extends Error {
  override readonly name: string = 'TestClusterError'
  /** For programs; the message is for people. */
  readonly reason: TestClusterReason

  constructor(reason: TestClusterReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
