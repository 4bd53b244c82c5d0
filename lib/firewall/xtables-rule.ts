/** One line of `iptables -S` as a rule that can be judged. Pure. Must not: take an option that it does not know for nothing. */
import { cidrOf, parseCidr } from '../net/cidr.ts'
import { addressBits, familyOf, parseIp } from '../net/ip.ts'
import {
  type Action,
  both,
  either,
  hasMark,
  hasState,
  hasStatus,
  inPrefix,
  isLink,
  isTrue,
  type JudgedRule,
  type Test,
  unknown,
  unless,
} from './judged-rule.ts'
import { NEXT_TARGET, type Option, optionsOf } from './xtables-text.ts'

/** Matches that are nothing but the options that follow; one without options (rpfilter, socket) is unknown. */
const KNOWN_MATCHES = new Set([
  'comment',
  'conntrack',
  'state',
  'mark',
  'tcp',
  'udp',
  'multiport',
  'addrtype',
  'icmp',
  'icmp6',
])

export function parseXtablesRule(line: string): JudgedRule {
  const options = optionsOf(line)
  const at = options.findIndex(({ name }) => name === '-j' || name === '-g')
  const matches = at < 0 ? options : options.slice(0, at)
  return { tests: testsOf(matches), action: actionOf(options[at]), text: line }
}

/** Options of a match that is not known may have the names of others' (connmark's --mark). */
function testsOf(options: readonly Option[]): readonly Test[] {
  let isKnown = true
  return options.map((option) => {
    if (option.name === '-m') isKnown = KNOWN_MATCHES.has(option.values[0] ?? '')
    return isKnown || !option.name.startsWith('--') ? testOf(option) : unknown
  })
}

function actionOf(option: Option | undefined): Action {
  const target = option?.values[0]
  if (option === undefined || target === undefined) return { type: 'next', marks: false }
  if (option.name === '-g') return { type: 'goto', chain: target }
  if (target === 'ACCEPT') return { type: 'accept' }
  if (target === 'DROP' || target === 'REJECT') return { type: 'drop' }
  if (target === 'RETURN') return { type: 'return' }
  if (target === 'MASQUERADE' || target === 'SNAT') return { type: 'translate' }
  if (NEXT_TARGET.test(target)) return { type: 'next', marks: target === 'MARK' || target === 'CONNMARK' }
  return { type: 'jump', chain: target }
}

function testOf({ negated, name, values }: Option): Test {
  const test = plainTestOf(name, values)
  return (packet) => unless(negated, test(packet))
}

function plainTestOf(name: string, values: readonly string[]): Test {
  const [value = ''] = values
  switch (name) {
    case '--comment':
      return () => 'yes'
    case '-m':
      return KNOWN_MATCHES.has(value) ? () => 'yes' : unknown
    case '-s':
      return addressTest(value, 'saddr')
    case '-d':
      return addressTest(value, 'daddr')
    case '-i':
      return ({ iif }) => isLink(iif, value.replace(/\+$/, '*'))
    case '-o':
      return ({ oif }) => isLink(oif, value.replace(/\+$/, '*'))
    case '-p':
      return protocolTest(value)
    case '--sport':
    case '--sports':
      return ({ sport }) => either(value.split(',').map((range) => inPorts(sport, range)))
    case '--dport':
    case '--dports':
      return ({ dport }) => either(value.split(',').map((range) => inPorts(dport, range)))
    case '--ctstate':
    case '--state':
      return () => hasState(value.toLowerCase().split(','))
    case '--ctstatus':
      return () => hasStatus(value.toLowerCase().split(','))
    case '--dst-type':
      return ({ isLocal }) => (value === 'LOCAL' ? isTrue(isLocal) : value === 'UNICAST' ? isTrue(!isLocal) : 'unknown')
    case '--mark':
      return markTest(value)
    case '--icmp-type':
    case '--icmpv6-type':
      return () => 'no'
    default:
      return unknown
  }
}

function addressTest(value: string, field: 'saddr' | 'daddr'): Test {
  try {
    if (!/^[0-9a-f.:/]+$/.test(value)) return unknown
    const ip = value.includes('/') ? undefined : parseIp(value)
    const prefix = ip === undefined ? parseCidr(value) : cidrOf(ip, addressBits(familyOf(ip)))
    return (packet) => inPrefix(packet[field], prefix)
  } catch {
    // A mask with gaps, which is no prefix.
    return unknown
  }
}

function protocolTest(value: string): Test {
  if (value === 'all' || value === '0') return () => 'yes'
  const isMeant = (protocol: string): boolean => value === protocol || value === (protocol === 'tcp' ? '6' : '17')
  return ({ protocol }) => isTrue(isMeant(protocol))
}

function inPorts(port: number, range: string): 'yes' | 'no' | 'unknown' {
  const [first = '', last = first] = range.split(':')
  if (!/^\d+$/.test(first) || !/^\d+$/.test(last)) return 'unknown'
  return both([isTrue(Number(first) <= port), isTrue(port <= Number(last))])
}

function markTest(value: string): Test {
  const mark = Number(value.split('/')[0])
  return Number.isInteger(mark) ? (packet) => hasMark(packet, mark) : unknown
}
