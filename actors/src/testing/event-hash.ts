// A rolling 64-bit hash over what happened: same seed and same code give the same value, and the
// first difference between two runs changes everything after it. Not for secrets. It takes 32-bit
// words, as it runs several times for each event; long runs of bytes come as a checksum.

/** A fraction as it is, in two words. */
const fraction = new Float64Array(1)
const words = new Uint32Array(fraction.buffer)

export class EventHash {
  private high = 0x811c_9dc5
  private low = 0x9747_b28c

  /** 16 hexadecimal digits. */
  get value(): string {
    const digits = (half: number) => (half >>> 0).toString(16).padStart(8, '0')
    return digits(this.high) + digits(this.low)
  }

  /** Any number, exactly. */
  addNumber(value: number): void {
    fraction[0] = value
    this.addWord(words[0]!)
    this.addWord(words[1]!)
  }

  addText(text: string): void {
    this.addWord(textHash(text))
    this.addWord(text.length)
  }

  /** The low 32 bits of a whole number. */
  addWord(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x85eb_ca6b)
    this.high ^= this.high >>> 13
    this.low = Math.imul(this.low ^ value ^ (this.high >>> 7), 0xc2b2_ae35)
    this.low ^= this.low >>> 16
  }
}

/** 32 bits that stand for a text that is noted again and again. */
export function textHash(text: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
