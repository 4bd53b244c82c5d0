/**
 * Address texts ↔ bytes in network order, without an object on the way: a start with 100,000 dual-stack Nodes reads and
 * compares a million addresses. Must not: decide which addresses vtepd accepts (ip.ts).
 */

import { hexDigit } from '../util/hex-digit.ts'
import { latin1Of } from '../util/latin1.ts'

const DOT = 0x2e
const COLON = 0x3a
const ZERO = 0x30
const SLASH = 0x2f

/** The longest text has 43 characters, that of a network. One place for all: what is written is copied out before the next. */
const page = Buffer.alloc(44)
/** Those of the address that is being written. */
const groups = new Uint16Array(8)
const HEX = Buffer.from('0123456789abcdef', 'latin1')

/**
 * Fills 4 or 16 bytes of `into` from `at` and says how many the address has; 0: the text is no address. `end`: where the
 * address ends in a longer text, such as a CIDR. As strict as Go's net.ParseIP: no leading zeros in dotted quads, no zones;
 * `::` stands for one group at least.
 */
export function readAddress(text: string, into: Uint8Array, at = 0, end = text.length): 0 | 4 | 16 {
  if (end < 2 || end > 45) return 0
  for (let i = 0; i < 5; i += 1) {
    const code = text.charCodeAt(i)
    if (code === DOT) return readQuad(text, 0, end, into, at) ? 4 : 0
    if (code === COLON) break
  }
  return readGroups(text, end, into, at) ? 16 : 0
}

/** `1.2.3.4` from `start` to `end` of the text, as four bytes from `at`. */
function readQuad(text: string, start: number, end: number, into: Uint8Array, at: number): boolean {
  let value = -1
  let parts = 0
  for (let i = start; i <= end; i += 1) {
    const code = i === end ? DOT : text.charCodeAt(i)
    if (code === DOT) {
      if (value < 0 || parts === 4) return false
      into[at + parts] = value
      parts += 1
      value = -1
      continue
    }
    const digit = code - ZERO
    // After a 0 no digit may follow.
    if (!(digit >= 0 && digit <= 9) || value === 0) return false
    value = Math.max(0, value) * 10 + digit
    if (value > 255) return false
  }
  return parts === 4
}

/** Hexadecimal groups, at most one `::`, perhaps a dotted quad as the last two groups. */
function readGroups(text: string, end: number, into: Uint8Array, from: number): boolean {
  const limit = from + 16
  let at = from
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false
    gap = from
    i = 2
  }
  while (i < end) {
    const start = i
    let value = 0
    let digit = hexDigit(text.charCodeAt(i))
    while (digit >= 0) {
      value = (value << 4) | digit
      i += 1
      digit = i - start < 5 && i < end ? hexDigit(text.charCodeAt(i)) : -1
    }
    if (i < end && text.charCodeAt(i) === DOT) {
      if (at > limit - 4 || !readQuad(text, start, end, into, at)) return false
      at += 4
      break
    }
    if (i === start || i - start > 4 || at === limit) return false
    into[at] = value >> 8
    into[at + 1] = value & 0xff
    at += 2
    if (i === end) break
    if (text.charCodeAt(i) !== COLON) return false
    i += 1
    if (i === end) return false
    if (text.charCodeAt(i) !== COLON) continue
    if (gap >= 0) return false
    gap = at
    i += 1
  }
  if (gap < 0) return at === limit
  if (at === limit) return false
  into.copyWithin(limit - (at - gap), gap, at)
  into.fill(0, gap, limit - (at - gap))
  return true
}

/** Dotted quad of the first four bytes. */
export function writeIpv4(bytes: Uint8Array): string {
  return latin1Of(page, 0, putIpv4(bytes))
}

/** RFC 5952 of the first 16 bytes: lower case, no leading zeros, the first longest run of two zero groups or more as `::`. */
export function writeIpv6(bytes: Uint8Array): string {
  return latin1Of(page, 0, putIpv6(bytes))
}

/** `address/length`, of the first four (`isIpv4`) or 16 bytes, as one piece of text. */
export function writeNetwork(bytes: Uint8Array, isIpv4: boolean, length: number): string {
  let end = isIpv4 ? putIpv4(bytes) : putIpv6(bytes)
  page[end++] = SLASH
  if (length >= 100) page[end++] = ZERO + 1
  if (length >= 10) page[end++] = ZERO + (Math.trunc(length / 10) % 10)
  page[end++] = ZERO + (length % 10)
  return latin1Of(page, 0, end)
}

function putIpv4(bytes: Uint8Array): number {
  let end = 0
  for (let i = 0; i < 4; i += 1) {
    const byte = bytes[i] ?? 0
    if (i > 0) page[end++] = DOT
    if (byte >= 100) page[end++] = ZERO + Math.trunc(byte / 100)
    if (byte >= 10) page[end++] = ZERO + (Math.trunc(byte / 10) % 10)
    page[end++] = ZERO + (byte % 10)
  }
  return end
}

function putIpv6(bytes: Uint8Array): number {
  for (let i = 0; i < 8; i += 1) groups[i] = ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)
  let gap = -1
  let gapLength = 1
  for (let i = 0, run = 0; i < 8; i += 1) {
    run = groups[i] === 0 ? run + 1 : 0
    if (run <= gapLength) continue
    gapLength = run
    gap = i - run + 1
  }
  let end = 0
  for (let i = 0; i < 8; i += 1) {
    if (i === gap) {
      page[end++] = COLON
      page[end++] = COLON
      i += gapLength - 1
      continue
    }
    if (i > 0 && i !== gap + gapLength) page[end++] = COLON
    const value = groups[i] ?? 0
    if (value > 0xfff) page[end++] = HEX[value >> 12] ?? 0
    if (value > 0xff) page[end++] = HEX[(value >> 8) & 0xf] ?? 0
    if (value > 0xf) page[end++] = HEX[(value >> 4) & 0xf] ?? 0
    page[end++] = HEX[value & 0xf] ?? 0
  }
  return end
}
