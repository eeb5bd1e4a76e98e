// Numbers of a command line.

/** The number a user gave for an option, or the default. */
export function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is ${text}, not a whole number`)
  return Number(text)
}
