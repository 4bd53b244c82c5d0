/**
 * How one log line reads: errors as plain objects, and a JSON line as klog-like text.
 * Pure. Must not: write anywhere.
 */
import { VtepdError } from '../errors.ts'
import { printable, printableAll, printableLines } from '../util/printable.ts'

const LETTERS: Readonly<Record<string, string>> = { debug: 'D', info: 'I', warn: 'W', error: 'E' }
const DEEPEST_CAUSE = 5

/** An error as a JSON-safe object: `code`, `message`, the class' own fields, `cause`; a stack only for what is a surprise. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return printableAll(typeof error === 'object' ? error : String(error))
  const { cause, stack, ...fields } = error as Error & Readonly<Record<string, unknown>>
  const own = Object.entries(fields).filter(([key, value]) => key !== 'name' && isPlain(value))
  return {
    message: printable(oneLine(error.message)),
    name: error.name,
    ...Object.fromEntries(own.map(([key, value]) => [key, printableAll(value)])),
    ...(error instanceof VtepdError || 'errno' in error ? {} : { stack: printableLines(stack ?? '') }),
    ...(cause === undefined || depth >= DEEPEST_CAUSE ? {} : { cause: describeError(cause, depth + 1) }),
  }
}

/**
 * `I1123 14:30:01.123000    4711 device.state] message key=value`, in local time as klog has it, always one line. Figures are rounded,
 * and what the message says already is not said again; JSON has it all.
 */
export function renderTextLine(jsonLine: string): string {
  const { level, time, monotonicMs: _, event, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>
  const head = `${LETTERS[String(level)] ?? 'I'}${klogTime(new Date(String(time)))} ${String(process.pid).padStart(7)} ${event}]`
  const message = String(msg ?? '')
  return `${head} ${message}${renderFields(message, fields)}\n`
}

/** ` key=value` of each field that says more than the message; figures are rounded. */
export function renderFields(message: string, fields: Readonly<Record<string, unknown>>): string {
  const tail = Object.entries(fields).flatMap(([key, value]) => {
    const more = beyond(message, key, value)
    return more === undefined ? [] : ` ${key}=${textValue(more)}`
  })
  return tail.join('')
}

/** An error in one line with its code and what lies below it: `CODE message; because: message`. */
export function errorInOneLine(error: unknown): string {
  return errorText(describeError(error))
}

function errorText(described: unknown): string {
  if (!isErrorLike(described)) return typeof described === 'string' ? described : JSON.stringify(described)
  const code = described.code === undefined ? '' : `${described.code} `
  const because = described.cause === undefined ? '' : `; because: ${errorText(described.cause)}`
  return `${code}${described.message}${because}`
}

/** Of a field, what the message does not say; undefined: it says all of it. */
function beyond(message: string, key: string, value: unknown): unknown {
  if (isErrorLike(value)) return value.cause === undefined && message.includes(value.message) ? value.code : value
  if (value === '') return undefined
  if (typeof value === 'string') return hasWord(message, value) ? undefined : value
  if (typeof value !== 'number') return value
  if (key === 'ms' && /\d m?s\b/.test(message)) return undefined
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(3))
  return hasWord(message, String(rounded)) ? undefined : rounded
}

/** Not as a part of another word or number. */
function hasWord(message: string, word: string): boolean {
  const at = message.indexOf(word)
  const isPart = (character: string | undefined): boolean => character !== undefined && /[\w.-]/.test(character)
  return at >= 0 && !isPart(message[at - 1]) && !isPart(message[at + word.length])
}

function textValue(value: unknown): string {
  const text = isErrorLike(value) ? errorText(value) : typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"=]+$/.test(text) || /^[[{]/.test(text) ? text : JSON.stringify(text)
}

function isErrorLike(value: unknown): value is { code?: unknown; message: string; cause?: unknown } {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
}

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/** Without line breaks. */
export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ')
}

function klogTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(time.getMonth() + 1)}${two(time.getDate())}`
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}000`
}
