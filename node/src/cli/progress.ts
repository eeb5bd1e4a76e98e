// One line on a terminal that says how far a command has come; nothing without a terminal.
const widthColumns = 30
const redrawMs = 100

export class Progress {
  readonly #totalBytes: number | undefined
  readonly #terminal: NodeJS.WritableStream | undefined
  readonly #startMs = performance.now()
  #bytes = 0
  #records = 0
  #drawnMs = 0

  constructor(totalBytes: number | undefined, terminal: NodeJS.WritableStream | undefined) {
    this.#totalBytes = totalBytes
    this.#terminal = terminal
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#records += 1
    const now = performance.now()
    if (this.#terminal === undefined || now - this.#drawnMs < redrawMs) return
    this.#drawnMs = now
    this.#draw(now)
  }

  end(): void {
    if (this.#terminal === undefined || this.#records === 0) return
    this.#draw(performance.now())
    this.#terminal.write('\n')
  }

  #draw(now: number): void {
    const seconds = Math.max((now - this.#startMs) / 1000, 0.001)
    const rate = Math.round(this.#records / seconds)
    const text = progressText(this.#records, rate, this.#bytes, this.#totalBytes)
    this.#terminal?.write(`\r${text} `)
  }
}

export function progressText(
  records: number,
  rate: number,
  bytes: number,
  totalBytes: number | undefined,
): string {
  const counts = `${records} acknowledged, ${rate}/s`
  if (totalBytes === undefined || totalBytes === 0) return counts
  const part = Math.min(1, bytes / totalBytes)
  const filled = Math.round(part * widthColumns)
  const bar = '#'.repeat(filled) + '.'.repeat(widthColumns - filled)
  return `[${bar}] ${String(Math.floor(part * 100)).padStart(3)} % ${counts}`
}
