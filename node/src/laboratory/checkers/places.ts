// Where values stand. inconsistent-offsets: some offset of a partition was told, by acks and readers
// together, with two or more values; replicas differ. Holds for excused partitions, too. duplicate: a
// value stands at two or more places. moved-record: the final read has a value, and not at the place
// its ack named; such a value is no duplicate unless it stands at a third place.
import type { Findings } from '../history/anomaly.ts'
import type { Facts } from '../history/facts.ts'
import type { Place, SendFacts } from '../history/log.ts'

export function checkPlaces(facts: Facts, findings: Findings): void {
  for (const log of facts.logs) {
    for (const place of log.ordered) checkOffset(place, findings)
  }
  const finalPlaces = placesOfFinalRead(facts)
  for (const send of facts.sends) {
    if (send.otherPlaces === undefined) continue
    const places = [send.place!, ...send.otherPlaces]
    const acked = ackedPlace(send)
    const isThere = acked === undefined || finalPlaces.has(acked) || facts.isRetired(acked)
    const isMoved = send.inFinal && !isThere
    if (isMoved) reportMoved(send, acked, places, findings)
    const rest = isMoved ? places.filter((place) => place !== acked) : places
    if (rest.length > 1 && !send.log!.excused) reportDuplicate(send, rest, findings)
  }
}

function checkOffset({ log, offset, told, others }: Place, findings: Findings): void {
  for (const other of others ?? []) {
    const text = `${log.name}@${offset} is ${told.value}, and ${other.value}`
    findings.add('inconsistent-offsets', text, [told.event, other.event])
  }
}

function ackedPlace({ log, offset }: SendFacts): Place | undefined {
  return offset < 0 ? undefined : log?.places.get(offset)
}

/** Places of those values alone that stand at several. */
function placesOfFinalRead(facts: Facts): ReadonlySet<Place> {
  const places = new Set<Place>()
  const { final, operations } = facts
  if (final === undefined) return places
  for (const step of operations.readers.get(final.process)!) {
    if (step.kind === 'assign' || step.index < final.index || step.index > final.doneIndex) continue
    for (const record of step.records) {
      const place = facts.place(record)
      const isFirst = place.told.value === record.value
      const send = isFirst ? place.send : operations.byValue.get(record.value)
      if (send?.otherPlaces !== undefined) places.add(place)
    }
  }
  return places
}

function reportMoved(
  { sent, answerIndex }: SendFacts,
  acked: Place,
  places: readonly Place[],
  findings: Findings,
): void {
  const found = places.filter((place) => place !== acked)
  const where = found.map(nameOf).join(', ')
  const text = `${sent.value} was acked at ${nameOf(acked)} and is at ${where}`
  findings.add('moved-record', text, [answerIndex, ...found.map(toldOf(sent.value))])
}

function reportDuplicate({ sent }: SendFacts, places: readonly Place[], findings: Findings): void {
  const text = `${sent.value} is at ${places.map(nameOf).join(', ')}`
  findings.add('duplicate', text, places.map(toldOf(sent.value)))
}

function nameOf({ log, offset }: Place): string {
  return `${log.name}@${offset}`
}

/** Event that told a value to be at a place. */
function toldOf(value: string): (place: Place) => number {
  return ({ told, others = [] }) =>
    told.value === value ? told.event : others.find((other) => other.value === value)!.event
}
