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
  /** Metadata index of the latest change; absent while nobody is removing. */
  readonly changedIndex?: number
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
  /** As in PartitionPlaces. */
  readonly changedIndex?: number
}

/** What a group's own configuration is to become. */
export interface DesiredConfiguration extends MetadataPlaces {}

/** What a group's own configuration has become, in replica ids. */
export interface ReplicasNow {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /**
   * The change that it is the end of. The same replicas may be wanted again later, when the group is
   * on its way back to them and those that are to go still serve.
   */
  readonly changedIndex: number
}

/** With somebody to remove, a report that this has happened must name the change. */
export function changedAt(
  index: number,
  removing: readonly ReplicaPlace[],
): { readonly changedIndex?: number } {
  return removing.length === 0 ? {} : { changedIndex: index }
}

export function isPlaced({ replicaId }: ReplicaPlace, places: readonly ReplicaPlace[]): boolean {
  return places.some((place) => place.replicaId === replicaId)
}

/** The places a partition gets when `replicas` are wanted from this metadata index on. */
export function placesAfter(
  before: PartitionPlaces,
  replicas: readonly ReplicaPlace[],
  index: number,
): PartitionPlaces {
  const removing = [...before.removing, ...before.replicas].filter(
    (place) => !isPlaced(place, replicas),
  )
  const places = { replicas, removing, ...changedAt(index, removing) }
  return withFirst(places, before.first ?? before.replicas)
}

/** The group's configuration is `replicas` now. */
export function placesSettled({ replicas, first }: PartitionPlaces): PartitionPlaces {
  return withFirst({ replicas, removing: [] }, first)
}

function withFirst(
  places: Omit<PartitionPlaces, 'first'>,
  first: readonly ReplicaPlace[] | undefined,
): PartitionPlaces {
  const { replicas, removing } = places
  const isNeeded = [...replicas, ...removing].some(({ sinceIndex }) => sinceIndex === undefined)
  return first === undefined || !isNeeded ? places : { ...places, first }
}
