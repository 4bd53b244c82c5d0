/**
 * Standard error, for a process that must go on whatever its reader does: no write ever waits for him, and what waits is
 * written at the end of the process, within a second. Owns how file descriptor 2 is written.
 * Must not: use libuv's thread pool (a write that waits there keeps process.exit from ending), nor `process.stderr`, which
 * waits for a terminal.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { systemClock } from './clock.ts'
import { createLineQueue, type LineQueue } from './line-queue.ts'

const STDERR = 2
const CAPACITY = 1 << 20
const LAST_WAIT_MS = 1_000

let queue: LineQueue | undefined
let gap = (lines: number): string => `vtepd: ${lines} lines are lost here: nobody read standard error\n`

/** `line` ends with a line feed. When nothing waits it has been written on return, so a crash does not lose it. */
export function writeStderr(line: string): void {
  queue ??= openQueue()
  queue.write(line)
}

/** How lines that were lost are told: as a line of the log, once there is one. */
export function describeGapBy(describe: (lines: number) => string): void {
  gap = describe
}

function openQueue(): LineQueue {
  const fd = openWithoutWaiting()
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  const opened = createLineQueue({
    put: (bytes) => writeNow(fd, bytes),
    clock: systemClock,
    pause: (ms) => void Atomics.wait(sleeper, 0, 0, ms),
    describeGap: (lines) => gap(lines),
    capacity: CAPACITY,
  })
  process.on('exit', () => opened.flush(LAST_WAIT_MS))
  return opened
}

/**
 * A pipe or terminal is opened once more: O_NONBLOCK belongs to the open description, which descriptor 2 shares with
 * other processes. A socket (journald's) has no name to open, and a pipe may be somebody else's: those are made
 * non-blocking as they stand, as Node does it for process.stderr, and undoes it at its end. A file never waits.
 */
function openWithoutWaiting(): number {
  const kind = fstatSync(STDERR)
  if (kind.isFIFO() || kind.isCharacterDevice()) {
    try {
      return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    } catch {}
  }
  if (kind.isFIFO() || kind.isSocket()) process.stderr.on('error', () => {})
  return STDERR
}

function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
