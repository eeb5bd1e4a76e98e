// The seam between code that decides and a simulation that wants to see, and to choose, its rare
// ways. Production has `noProbe`, which does nothing; the laboratory has one that counts and draws.
// Each package lists its own names in a table, so that an unknown name does not compile.

/** A name of each kind in its table: `branch` is told of, `site` is asked about. */
export interface Probe<Branch extends string = string, Site extends string = string> {
  /** This rare branch was taken. */
  reached(branch: Branch): void
  /**
   * Shall a rare choice be made here, one that is always allowed? Asked where nothing else decides,
   * never per record.
   */
  provoke(site: Site): boolean
}

/** Names with their meaning. */
export interface ProbeTable {
  readonly reached: Readonly<Record<string, string>>
  readonly provoke: Readonly<Record<string, string>>
}

export type ProbeOf<Table extends ProbeTable> = Probe<
  keyof Table['reached'] & string,
  keyof Table['provoke'] & string
>

export const noProbe: Probe = {
  reached: () => {},
  provoke: () => false,
}

export const actorProbes = {
  reached: {},
  provoke: {
    'actors.mailbox-full': 'a mailbox in which messages wait already refuses one more',
  },
} as const
