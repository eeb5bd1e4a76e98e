// Where replicas are: the places of a partition or of the metadata group, desired ones and those of
// before, and what follows from them. Pure records and questions to them; who changes places is
// execute-membership.ts.

/** One replica of one partition, or of the metadata group. */
export interface ReplicaPlace {
  readonly nodeId: string
  readonly replicaId: number
  /** Metadata index that placed it; absent: there from the beginning, an initial voter. */
  readonly sinceIndex?: number
}

export interface PartitionPlaces {
  /** The desired set, the preferred leader first. */
  readonly replicas: readonly ReplicaPlace[]
  /** Those of before, which serve until the group's own configuration has changed. */
  readonly removing: readonly ReplicaPlace[]
  /**
   * The first configuration. Absent: `replicas` still are it, or nobody of it is left. A replica of
   * the first configuration may be created late, and then must begin with that one.
   */
  readonly first?: readonly ReplicaPlace[]
}

/** Of the metadata group itself: every node follows it. */
export interface MetadataPlaces {
  readonly voters: readonly ReplicaPlace[]
  readonly learners: readonly ReplicaPlace[]
  readonly removing: readonly ReplicaPlace[]
}

/** What a group's own configuration is to become. */
export interface DesiredConfiguration extends MetadataPlaces {}

export function isPlaced({ replicaId }: ReplicaPlace, places: readonly ReplicaPlace[]): boolean {
  return places.some((place) => place.replicaId === replicaId)
}

/** The places a partition gets when `replicas` are wanted from now on. */
export function placesAfter(
  before: PartitionPlaces,
  replicas: readonly ReplicaPlace[],
): PartitionPlaces {
  const removing = [...before.removing, ...before.replicas].filter(
    (place) => !isPlaced(place, replicas),
  )
  return withFirst({ replicas, removing }, before.first ?? before.replicas)
}

/** The group's configuration is `replicas` now. */
export function placesSettled({ replicas, first }: PartitionPlaces): PartitionPlaces {
  return withFirst({ replicas, removing: [] }, first)
}

function withFirst(
  { replicas, removing }: PartitionPlaces,
  first: readonly ReplicaPlace[] | undefined,
): PartitionPlaces {
  const isNeeded = [...replicas, ...removing].some(({ sinceIndex }) => sinceIndex === undefined)
  return first === undefined || !isNeeded ? { replicas, removing } : { replicas, removing, first }
}
