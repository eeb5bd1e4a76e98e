// Values of options as people write them: whole numbers, sizes (64MiB), durations (7d), and back.
// A value that is none is a usage error naming the option.
import { UsageError } from './usage-error.ts'

export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`${flag} is a whole number from ${min} to ${max}, not ${text}`)
  }
  return value
}

export function optionalWholeNumber(
  flag: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  return text === undefined ? undefined : wholeNumber(flag, text, min, max)
}

type Units = readonly (readonly [name: string, size: number])[]

const sizeUnits: Units = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
]
const durationUnits: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/** Bytes. A number without unit is bytes. */
export function sizeBytes(flag: string, text: string): number {
  return quantity(flag, text, [...sizeUnits, ['', 1]], 'a size such as 64MiB')
}

/** Milliseconds. The unit must be given: 7 alone could be anything. */
export function durationMs(flag: string, text: string): number {
  return quantity(flag, text, durationUnits, 'a duration such as 30s, 12h or 7d')
}

/** The largest unit that needs no fraction. */
export function sizeText(bytes: number): string {
  return inUnits(bytes, sizeUnits)
}

export function durationText(ms: number): string {
  return inUnits(ms, durationUnits)
}

function quantity(flag: string, text: string, units: Units, form: string): number {
  const match = /^(\d+)([A-Za-z]*)$/.exec(text)
  const unit = units.find(([name]) => name === match?.[2])
  const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit[1]
  if (!Number.isSafeInteger(value)) throw new UsageError(`${flag} is ${form}, not ${text}`)
  return value
}

function inUnits(value: number, units: Units): string {
  const [name, size] = units.find(([, each]) => value % each === 0 && value >= each) ?? ['', 1]
  return `${value / size}${name}`
}
