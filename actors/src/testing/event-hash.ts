// A rolling 64-bit hash over what happened: same seed and same code give the same value, and the
// first difference between two runs changes everything after it. Not for secrets.

export class EventHash {
  private high = 0x811c_9dc5
  private low = 0x9747_b28c

  /** 16 hexadecimal digits. */
  get value(): string {
    const digits = (half: number) => (half >>> 0).toString(16).padStart(8, '0')
    return digits(this.high) + digits(this.low)
  }

  /** Any number; a fraction counts in steps of 1/1024. */
  addNumber(value: number): void {
    const whole = Math.floor(value)
    this.add(whole >>> 0)
    this.add(Math.floor(whole / 0x1_0000_0000) >>> 0)
    this.add(Math.floor((value - whole) * 1_024))
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i += 1) this.add(text.charCodeAt(i))
    this.add(text.length)
  }

  private add(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x85eb_ca6b)
    this.high ^= this.high >>> 13
    this.low = Math.imul(this.low ^ value ^ (this.high >>> 7), 0xc2b2_ae35)
    this.low ^= this.low >>> 16
  }
}
