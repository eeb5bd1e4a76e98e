// What a tidy rule reports. An error fails the check; a warning is printed and passes.

export interface Finding {
  readonly rule: string
  readonly path: string
  /** From 1; absent when the finding is about the whole file. */
  readonly line?: number
  readonly message: string
  readonly severity: 'error' | 'warning'
}

export function finding(rule: string, path: string, message: string, line?: number): Finding {
  const place = line === undefined ? {} : { line }
  return { rule, path, message, severity: 'error', ...place }
}

export function warning(rule: string, path: string, message: string): Finding {
  return { rule, path, message, severity: 'warning' }
}

export function print({ path, line, rule, message, severity }: Finding): string {
  const place = line === undefined ? path : `${path}:${line}`
  return `${place} ${severity} [${rule}] ${message}`
}
