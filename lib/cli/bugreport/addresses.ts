/**
 * Addresses and names → others in their place, the same for the same, chosen anew for each report. Two addresses that share so many
 * leading bits share as many afterwards, so that which subnet has which pod can still be read; what stands for something (loopback,
 * multicast, netmasks, ::1) stays. Must not: change what is no address.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'
import { ipFromBytes, ipToBytes, parseIp } from '../../net/ip.ts'

export type Replace = (text: string) => string

/** Of an IPv4 address: the host in its subnet is told, or who is a network address and who the first host could not be read. */
const KEPT_V4 = 8
/** An IPv6 address whose lower half is smaller is one of the same kind. */
const SMALL_HOST = 0x10000n
const HALF = 64n

/** A MAC address; what has colons, or is an IPv4 address; a name. */
const TOKENS = /[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![:\w])|[0-9a-f.]*:[0-9a-f:.]*|[a-z0-9][\w.-]*/gi
const MAC = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i
const IPV4 = /\d{1,3}(?:\.\d{1,3}){3}|\d{1,3}(?:-\d{1,3}){3}/g

/** `names`: of nodes and this host. */
export function createReplacer(names: readonly string[], key: Uint8Array = randomBytes(32)): Replace {
  const known = new Map(
    [...new Set(names)].filter((name) => name !== '').map((name, i) => [name.toLowerCase(), `node-${i + 1}.replaced`]),
  )
  const flips = flipsBy(key)
  const addresses = new Map<string, string>()
  const addressFor = (text: string): string => {
    const found = addresses.get(text)
    if (found !== undefined) return found
    const made = isIP(text) === 0 ? macFor(key, text) : ipFor(flips, text)
    addresses.set(text, made)
    return made
  }
  const nameFor = (token: string): string => {
    const whole = known.get(token.toLowerCase())
    if (whole !== undefined) return whole
    // A name in a longer one: node-7.example.com, node-7.log, a pod's on its node.
    return token.replace(/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?/gi, (label) => known.get(label.toLowerCase()) ?? label)
  }
  return (text) =>
    text.replace(TOKENS, (token) =>
      token.includes(':') ? inRun(token, addressFor) : nameFor(inName(token, addressFor)),
    )
}

/** The longest address in a run of colons and digits, from the left, and those in what is left of it. */
function inRun(run: string, addressFor: Replace): string {
  for (let from = 0; from >= 0; from = next(run, from))
    for (let to = run.length; to > from; to -= 1) {
      const part = run.slice(from, to)
      if (isIP(part) === 0 && !MAC.test(part)) continue
      return `${inName(run.slice(0, from), addressFor)}${addressFor(part)}${inRun(run.slice(to), addressFor)}`
    }
  return inName(run, addressFor)
}

/** Behind the next colon; an address may begin with two. -1: there is none. */
function next(run: string, from: number): number {
  const at = run.indexOf(':', from)
  return at < 0 || at + 1 >= run.length ? -1 : at === from ? from + 1 : at
}

/** IPv4 in a longer word, with dots, or with dashes as names of machines have it. */
function inName(word: string, addressFor: Replace): string {
  return word.replace(IPV4, (found) => {
    const dotted = found.replaceAll('-', '.')
    if (isIP(dotted) === 0) return found
    const made = addressFor(dotted)
    return found === dotted ? made : made.replaceAll('.', '-')
  })
}

function macFor(key: Uint8Array, text: string): string {
  const plain = text.toLowerCase().replaceAll('-', ':')
  if (/^(?:00:00:00:00:00:00|ff:ff:ff:ff:ff:ff|01:80:c2:|01:00:5e:|33:33:)/.test(plain))
    return plain.startsWith('33:33:') ? '33:33:00:00:00:00' : text
  const hex = createHmac('sha256', key).update(`mac ${plain}`).digest('hex').slice(0, 10)
  return `0a:${(hex.match(/../g) ?? []).join(':')}`
}

type Flips = (prefix: string) => Uint8Array

/** One keyed hash an octet of a prefix: a bit for each of the 255 places at which the next octet may part. */
function flipsBy(key: Uint8Array): Flips {
  const known = new Map<string, Uint8Array>()
  return (prefix) => {
    const found = known.get(prefix) ?? createHmac('sha256', key).update(prefix).digest()
    known.set(prefix, found)
    return found
  }
}

function ipFor(flips: Flips, text: string): string {
  if (!isIPv4(text) && /^::ffff:[\d.]+$/i.test(text)) return `::ffff:${ipFor(flips, text.slice(7))}`
  if (!isReplaceable(text)) return text
  try {
    const bytes = ipToBytes(parseIp(text))
    const made = Uint8Array.from(bytes)
    const [from, to] = rangeOf(bytes)
    for (let at = from; at < to; at += 1)
      made[at] = flipped(flips(`${bytes.length} ${bytes.subarray(0, at).join('.')}`), bytes[at] ?? 0)
    return ipFromBytes(made)
  } catch {
    // Written so that nothing of ours reads it: with a zone, or IPv4 inside.
    return 'address.replaced'
  }
}

/** Octets that are replaced. */
function rangeOf(bytes: Uint8Array): readonly [from: number, to: number] {
  const [first = 0, second = 0] = bytes
  if (bytes.length === 4) return [first === 169 && second === 254 ? 2 : 0, 4 - KEPT_V4 / 8]
  const host = BigInt(`0x${Buffer.from(bytes.subarray(Number(HALF) / 8)).toString('hex')}`)
  return [first === 0xfe && (second & 0xc0) === 0x80 ? 8 : 0, host < SMALL_HOST ? 8 : 16]
}

/** Each bit by itself, by those before it: equal beginnings stay equal. */
function flipped(bits: Uint8Array, octet: number): number {
  let [made, node] = [0, 1]
  for (let bit = 7; bit >= 0; bit -= 1) {
    const value = (octet >> bit) & 1
    const flip = ((bits[node >> 3] ?? 0) >> (node & 7)) & 1
    made = (made << 1) | (value ^ flip)
    node = (node << 1) | value
  }
  return made
}

/** 0/8, 127/8, 224/4 and what begins with 255 mean something; so do :: and ::1, and multicast. */
function isReplaceable(text: string): boolean {
  if (!isIPv4(text)) return !/^(?:::1?$|ff)/i.test(text)
  const first = Number(text.slice(0, text.indexOf('.')))
  return first !== 0 && first !== 127 && !(first >= 224 && first < 240) && first !== 255
}
