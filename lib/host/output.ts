/**
 * Standard output, for every command: the one place that writes there. Owns what becomes of it: a reader that goes away ends the
 * process quietly, as SIGPIPE ends other programs; what cannot be written is a sentence and status 1; where the locale has no
 * Unicode, ASCII is written. Must not: open the stream before something is written: an agent never does.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { asciiJson, asciiOf, hasUnicode } from '../util/ascii.ts'
import { printableAll } from '../util/printable.ts'
import { writeStderr } from './stderr.ts'

/** As a shell tells that SIGPIPE ended a program. */
const READER_GONE = 141
const STDOUT = 1
/** Between two looks whether somebody still reads: a command that waits for news writes nothing that could fail. */
const LOOK_MS = 500

let opened = false
let look: NodeJS.Timeout | undefined

/** A stream as far as commands need one. */
export const output = {
  write(text: string): void {
    put(hasUnicode(process.env) ? text : asciiOf(text))
  },
  get isTTY(): boolean {
    return process.stdout.isTTY === true
  },
  /** What a line has room for, if that is known: COLUMNS, else the terminal's own. */
  get columns(): number | undefined {
    const said = Number(process.env.COLUMNS)
    return Number.isInteger(said) && said > 0 ? said : process.stdout.columns
  },
}

/** One JSON document, with a line feed; `indent`: of its lines, none by default. */
export function writeJson(value: unknown, indent?: number): void {
  const text = `${JSON.stringify(printableAll(value), undefined, indent)}\n`
  put(hasUnicode(process.env) ? text : asciiJson(text))
}

/** As they are: a file for a pipe. */
export function writeBytes(bytes: Uint8Array): void {
  put(bytes)
}

/** A sentence for people on standard error. Never fails, never waits. */
export function complain(text: string): void {
  writeStderr(hasUnicode(process.env) ? text : asciiOf(text))
}

/** Standard error as a stream, for what tells how far something is. */
export const errorOutput = {
  write: complain,
  get isTTY(): boolean {
    return process.stderr.isTTY === true
  },
  get columns(): number | undefined {
    return process.stderr.columns
  },
}

/** What was written has been taken by the kernel, or refused. */
export async function outputWritten(): Promise<void> {
  if (!opened) return
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
}

/** From now on it is all the same whether somebody reads. */
export function outputIsOver(): void {
  clearInterval(look)
}

function put(text: string | Uint8Array): void {
  if (!opened) open()
  try {
    process.stdout.write(text)
  } catch (error) {
    // Files are written at once, and some versions of Node throw.
    fail(error)
  }
}

function open(): void {
  opened = true
  process.stdout.on('error', fail)
  if (fstatSync(STDOUT).isFIFO()) look = setInterval(lookForReader, LOOK_MS).unref()
}

function fail(error: unknown): never {
  const { code = String(error), message = '' } = error as NodeJS.ErrnoException
  if (code === 'EPIPE') process.exit(READER_GONE)
  complain(
    `vtepd: standard output cannot be written: ${code === 'ENOSPC' ? 'no space is left there' : message} (${code})\n`,
  )
  process.exit(1)
}

/** To open a pipe for writing that nobody reads fails (fifo(7)). */
function lookForReader(): void {
  try {
    closeSync(openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') process.exit(READER_GONE)
  }
}
