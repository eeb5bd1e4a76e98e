// Why a test under simulation cannot go on or did not hold, as one error class with a reason.

export type TestClusterReason =
  /** Nothing that the test waits for has happened for ten minutes of virtual time. */
  | 'stuck'
  /** `until` was not true in time. */
  | 'not-true'
  /** The function of a process threw. */
  | 'process-failed'
  /** A process used a timer, a socket, a file or something else that is not simulated. */
  | 'not-simulated'
  /** The cluster broke a guarantee: a defect of quorate. */
  | 'violated'

export class TestClusterError extends Error {
  override readonly name: string = 'TestClusterError'
  readonly reason: TestClusterReason

  constructor(reason: TestClusterReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
