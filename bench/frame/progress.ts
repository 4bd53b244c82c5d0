/** How far a run is, on standard error: one line that changes on a terminal, a line a step elsewhere. */

export interface ProgressLine {
  /** Replaces what was said before. */
  say(text: string): void
  /** Stays. */
  note(text: string): void
  /** Takes the changing line away. */
  clear(): void
}

export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

const CLEAR = '\r\x1b[K'

export function createProgressLine(stream: ProgressStream): ProgressLine {
  const live = stream.isTTY === true
  let last = ''
  return {
    say(text) {
      if (text === last) return
      last = text
      stream.write(live ? `${CLEAR}${text.slice(0, (stream.columns ?? 80) - 1)}` : `${text}\n`)
    },
    note: (text) => void stream.write(live ? `${CLEAR}${text}\n` : `${text}\n`),
    clear() {
      last = ''
      if (live) stream.write(CLEAR)
    },
  }
}
