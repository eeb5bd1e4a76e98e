// Where in code of the user something happened, by a call stack: the nearest line that is no part of
// Node, of a package, or of this folder.

const own = import.meta.url.slice('file://'.length, import.meta.url.lastIndexOf('/') + 1)

/** The nearest line of the stack that is no part of Node and of this folder. */
export function nearestPlace(stack: string): string | undefined {
  return linesOf(stack)[0]
}

/** As `nearestPlace`, packages left out. */
export function userPlace(stack: string): string | undefined {
  return linesOf(stack).find((line) => !isOfPackage(line))
}

export function isOfPackage(line: string): boolean {
  return line.includes('/node_modules/')
}

function linesOf(stack: string): string[] {
  return stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
    .filter((line) => !line.includes('node:') && !line.includes(own))
    .map((line) => line.slice('at '.length))
}
