/** One rule of `nft -j list chain` as rules that can be judged. Pure. Must not: take an expression that it does not know for nothing. */
import { cidrOf } from '../net/cidr.ts'
import { addressBits, familyOf, parseIp } from '../net/ip.ts'
import {
  type Action,
  type Answer,
  either,
  hasMark,
  hasState,
  hasStatus,
  inPrefix,
  inRange,
  isLink,
  isTrue,
  type JudgedRule,
  type Packet,
  type Test,
  unknown,
  unless,
} from './judged-rule.ts'

/** `expr` of a rule. Several come of one with a verdict map, in the order of its elements. */
export function parseNftRule(expr: readonly unknown[], text: string, handle: number): readonly JudgedRule[] {
  const tests: Test[] = []
  const rules: JudgedRule[] = []
  let marks = false
  for (const one of expr) {
    const [[kind, value] = ['', undefined]] = entriesOf(one)
    if (kind === 'match') tests.push(matchTest(value))
    else if (kind === 'vmap') rules.push(...mapRules(value, tests, text, handle))
    else if (kind === 'mangle') marks = true
    else if (kind === 'accept' || kind === 'drop' || kind === 'reject' || kind === 'return')
      return [...rules, { tests, action: { type: kind === 'reject' ? 'drop' : kind }, text, handle }]
    else if (kind === 'jump' || kind === 'goto')
      return [...rules, { tests, action: { type: kind, chain: textOf(value, 'target') }, text, handle }]
    else if (kind === 'masquerade' || kind === 'snat')
      return [...rules, { tests, action: { type: 'translate' }, text, handle }]
    else if (kind === 'queue' || kind === 'xt') return [...rules, { tests, action: { type: 'unknown' }, text, handle }]
    // What only counts or tells; whatever else there is may be a condition.
    else if (!['counter', 'log', 'comment'].includes(kind)) tests.push(unknown)
  }
  return [...rules, { tests, action: { type: 'next', marks }, text, handle }]
}

function mapRules(map: unknown, tests: readonly Test[], text: string, handle: number): readonly JudgedRule[] {
  const elements = fieldOf(fieldOf(map, 'data'), 'set')
  if (!Array.isArray(elements)) return [{ tests, action: { type: 'unknown' }, text, handle }]
  return elements.map((element: unknown) => {
    const [value, verdict] = Array.isArray(element) ? (element as readonly unknown[]) : []
    const test = matchTest({ op: '==', left: fieldOf(map, 'key'), right: value })
    return { tests: [...tests, test], action: verdictOf(verdict), text, handle }
  })
}

function verdictOf(verdict: unknown): Action {
  const [[kind, value] = ['', undefined]] = entriesOf(verdict)
  if (kind === 'accept' || kind === 'drop' || kind === 'return') return { type: kind }
  if (kind === 'jump' || kind === 'goto') return { type: kind, chain: textOf(value, 'target') }
  return kind === 'continue' ? { type: 'next', marks: false } : { type: 'unknown' }
}

function matchTest(match: unknown): Test {
  const op = fieldOf(match, 'op')
  const left = fieldOf(match, 'left')
  const right = fieldOf(match, 'right')
  if (op !== '==' && op !== '!=' && op !== 'in') return unknown
  const family = familyOfPayload(left)
  const protocol = protocolOfPayload(left)
  return (packet) => {
    // The tool leaves out what such an expression requires first, and a packet of another kind does not match, negated or not.
    if (family !== undefined && family !== packet.family) return 'no'
    if (protocol !== undefined && protocol !== packet.protocol) return 'no'
    return unless(op === '!=', answerOf(left, right, packet))
  }
}

function answerOf(left: unknown, right: unknown, packet: Packet): Answer {
  const [[kind, key] = ['', undefined]] = entriesOf(left)
  const name = typeof key === 'object' && key !== null ? String(fieldOf(key, 'key') ?? fieldOf(key, 'field')) : ''
  if (kind === '&' && Array.isArray(key)) return maskedMark(key, right, packet)
  if (kind === 'ct' && name === 'state') return hasState(wordsOf(right))
  if (kind === 'ct' && name === 'status') return hasStatus(wordsOf(right))
  // A named set, of which only its name is shown.
  if (typeof right === 'string' && right.startsWith('@')) return 'unknown'
  return either(valuesOf(right).map((value) => isValue(kind, name, value, packet)))
}

function isValue(kind: string, name: string, value: unknown, packet: Packet): Answer {
  if (kind === 'payload' && (name === 'saddr' || name === 'daddr')) return isAddress(packet[name], value)
  if (kind === 'payload' && (name === 'sport' || name === 'dport')) return isPort(packet[name], value)
  if ((kind === 'payload' && (name === 'protocol' || name === 'nexthdr')) || (kind === 'meta' && name === 'l4proto'))
    return typeof value === 'object'
      ? 'unknown'
      : isTrue(value === packet.protocol || value === (packet.protocol === 'tcp' ? 6 : 17))
  if (kind !== 'meta') return 'unknown'
  if (name === 'iifname' || name === 'iif') return typeof value === 'string' ? isLink(packet.iif, value) : 'unknown'
  if (name === 'oifname' || name === 'oif') return typeof value === 'string' ? isLink(packet.oif, value) : 'unknown'
  if (name === 'nfproto') return isTrue(value === packet.family)
  if (name === 'protocol') return isTrue(value === (packet.family === 'ipv4' ? 'ip' : 'ip6'))
  if (name === 'mark') return typeof value === 'number' ? hasMark(packet, value) : 'unknown'
  return 'unknown'
}

function isAddress(fact: Packet['saddr'], value: unknown): Answer {
  try {
    if (typeof value === 'string') {
      if (!/^[0-9a-f.:]+$/.test(value)) return 'unknown'
      const ip = parseIp(value)
      return inPrefix(fact, cidrOf(ip, addressBits(familyOf(ip))))
    }
    const prefix = fieldOf(value, 'prefix')
    const range = fieldOf(value, 'range')
    if (prefix !== undefined)
      return inPrefix(fact, cidrOf(parseIp(textOf(prefix, 'addr')), Number(fieldOf(prefix, 'len'))))
    if (Array.isArray(range)) return inRange(fact, parseIp(String(range[0])), parseIp(String(range[1])))
    return 'unknown'
  } catch {
    return 'unknown'
  }
}

function isPort(port: number, value: unknown): Answer {
  const range = fieldOf(value, 'range')
  if (typeof value === 'number') return isTrue(value === port)
  if (Array.isArray(range)) return isTrue(Number(range[0]) <= port && port <= Number(range[1]))
  return 'unknown'
}

function maskedMark(operands: readonly unknown[], right: unknown, packet: Packet): Answer {
  const [left, mask] = operands
  const isMark = fieldOf(fieldOf(left, 'meta'), 'key') === 'mark'
  if (!isMark || typeof mask !== 'number' || typeof right !== 'number') return 'unknown'
  return hasMark(packet, right)
}

function familyOfPayload(left: unknown): Packet['family'] | undefined {
  const protocol = fieldOf(fieldOf(left, 'payload'), 'protocol')
  return protocol === 'ip' ? 'ipv4' : protocol === 'ip6' ? 'ipv6' : undefined
}

// Of the fields of one transport protocol; `th` is of any.
function protocolOfPayload(left: unknown): string | undefined {
  const plain = Array.isArray(fieldOf(left, '&')) ? (fieldOf(left, '&') as readonly unknown[])[0] : left
  const protocol = fieldOf(fieldOf(plain, 'payload'), 'protocol')
  return typeof protocol === 'string' && !['ip', 'ip6', 'th', 'ether', 'vlan', 'arp'].includes(protocol)
    ? protocol
    : undefined
}

function valuesOf(right: unknown): readonly unknown[] {
  const set = fieldOf(right, 'set')
  return Array.isArray(set) ? set : [right]
}

function wordsOf(right: unknown): readonly string[] {
  return valuesOf(right)
    .flatMap((value) => (Array.isArray(value) ? (value as readonly unknown[]) : [value]))
    .map(String)
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}

function textOf(value: unknown, name: string): string {
  return String(fieldOf(value, name))
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value)
    : typeof value === 'string'
      ? [[value, undefined]]
      : []
}
