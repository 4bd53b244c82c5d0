/**
 * net-conf.json (flannel-contract 1) → the network of the cluster, parsed and checked.
 * Must not: read the file (lib/cli).
 */
import { ConfigError } from '../errors.ts'
import { type Cidr, cidrFamily, parseCidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { LEAST_MTU, type Mtu, parseMtu, vxlanOverhead } from '../net/mtu.ts'
import { parseVni } from '../net/vni.ts'
import { foldKeys, isRecord } from '../util/go-json.ts'
import { findJsonFault, positionAt } from '../util/json-locate.ts'
import type { Backend, Network } from './network.ts'

export interface ParsedNetwork {
  readonly network: Network
  /** Sentences for the log: what was understood otherwise than it may have been meant. */
  readonly warnings: readonly string[]
}

/**
 * Reads net-conf.json as flannel does: keys in any case, the last of two wins, unknown ones ignored, null as absent.
 * `where` is the file's name for errors. Every fault is a ConfigError that names the file, the key and what to do.
 */
export function parseNetwork(text: string, where: string): ParsedNetwork {
  const warnings: string[] = []
  const conf = createReader(parseObject(text, where), where, '', warnings)
  const ipv4 = conf.boolean('EnableIPv4', true) ? requireCidr(conf, 'ipv4', 'Network', 'EnableIPv4') : undefined
  const ipv6 = conf.boolean('EnableIPv6', false) ? requireCidr(conf, 'ipv6', 'IPv6Network', 'EnableIPv6') : undefined
  if (ipv4 === undefined && ipv6 === undefined)
    throw new ConfigError(
      `${where}: EnableIPv4`,
      'EnableIPv4 and EnableIPv6 are both false: enable at least one of them',
    )
  const enableNftables = conf.boolean('EnableNFTables', false)
  const backend = parseBackend(conf, where, warnings)
  if (backend.type === 'vxlan') checkMtu(backend.mtu, ipv6 === undefined ? 'ipv4' : 'ipv6', where)
  return { network: { ipv4, ipv6, enableNftables, backend }, warnings }
}

function checkMtu(mtu: Mtu | undefined, family: Family, where: string): void {
  if (mtu === undefined) return
  const least = LEAST_MTU[family] + vxlanOverhead(family)
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  if (mtu < least)
    throw new ConfigError(
      `${where}: Backend.MTU`,
      `MTU ${mtu} is too small: VXLAN over ${name} needs at least ${least}`,
    )
}

function parseBackend(conf: Reader, where: string, warnings: string[]): Backend {
  const backend = createReader(conf.object('Backend') ?? {}, where, 'Backend.', warnings)
  const type = backend.string('Type')
  if (type === undefined && conf.object('Backend') !== undefined)
    warnings.push(`${where}: Backend has no Type: taken as "vxlan", which flannel does not do: write "Type": "vxlan"`)
  const known = type?.toLowerCase() ?? 'vxlan'
  if (known === 'host-gw') {
    warnUnused(backend, where, warnings)
    return { type: 'host-gw' }
  }
  if (known !== 'vxlan') throw new ConfigError(`${where}: Backend.Type`, refusalOf(known, type ?? ''))
  return {
    type: 'vxlan',
    vni: backend.number('VNI', parseVni) ?? parseVni(1),
    port: backend.number('Port', parsePort),
    mtu: backend.number('MTU', (value) => (value === 0 ? undefined : parseMtu(value))),
    gbp: backend.boolean('GBP', false),
    learning: backend.boolean('Learning', false),
    directRouting: backend.boolean('DirectRouting', false),
    pinDevice: backend.boolean('PinDevice', false),
  }
}

const OF_VXLAN = ['VNI', 'Port', 'MTU', 'GBP', 'Learning', 'DirectRouting', 'PinDevice'] as const

function warnUnused(backend: Reader, where: string, warnings: string[]): void {
  const given = OF_VXLAN.filter((key) => backend.has(key))
  if (given.length > 0)
    warnings.push(`${where}: Backend.${given.join(', Backend.')} has no effect: "host-gw" has no device of its own`)
}

/** Backends of flannel, in its documentation's order; what each is for decides what is to be set instead. */
const REFUSED: Readonly<Record<string, string>> = {
  wireguard: 'it encrypts, which vtepd does not',
  udp: 'flannel keeps it for debugging and for kernels without VXLAN',
  ipip: 'it carries IPv4 alone; "vxlan" with "DirectRouting": true does the same where nodes share a link',
  ipsec: 'it encrypts, which vtepd does not, and flannel has dropped it',
  extension: 'it runs commands of your own',
  alloc: 'it makes no data path at all',
}

function refusalOf(known: string, type: string): string {
  const cloud = /^(?:tencent|ali|aws|gce)-?vpc$|^gce$/.test(known)
    ? "it writes a cloud provider's route tables"
    : undefined
  const why = REFUSED[known] ?? cloud
  return (
    `vtepd keeps "vxlan" and "host-gw", not "${type}"${why === undefined ? '' : ` (${why})`}: ` +
    'set one of them on every node, or leave the whole cluster to flannel'
  )
}

/** 0 leaves the attribute out of the message, as in flannel: the kernel's default then. */
function parsePort(value: number): number | undefined {
  if (value < 0 || value > 65535) throw new RangeError(`port ${value} is outside 0 to 65535`)
  return value === 0 ? undefined : value
}

/** `::/0` and `0.0.0.0/0` (k3s) are kept as they stand: the node's podCIDR has only to be inside. */
function requireCidr(conf: Reader, family: Family, key: string, enabledBy: string): Cidr {
  const text = conf.string(key)
  if (text === undefined || text === '')
    throw new ConfigError(conf.at(key), `missing: ${enabledBy} is true, so give the CIDR that holds all nodes' pods`)
  let cidr: Cidr
  try {
    cidr = parseCidr(text)
  } catch (cause) {
    throw new ConfigError(conf.at(key), `'${text}' is not a CIDR: write it like ${EXAMPLE[family]}`, { cause })
  }
  if (cidrFamily(cidr) === family) return cidr
  const wanted = family === 'ipv4' ? 'IPv4' : 'IPv6'
  throw new ConfigError(conf.at(key), `'${text}' is not an ${wanted} network: write it like ${EXAMPLE[family]}`)
}

const EXAMPLE = { ipv4: '10.244.0.0/16', ipv6: 'fd00:10:244::/56' } as const

/** Typed access to one object of the file; each method throws a ConfigError that names the key. */
interface Reader {
  at(key: string): string
  has(key: string): boolean
  boolean(key: string, absent: boolean): boolean
  string(key: string): string | undefined
  /** `parse` may throw RangeError, whose message becomes the error's. */
  number<T>(key: string, parse: (value: number) => T): T | undefined
  object(key: string): Readonly<Record<string, unknown>> | undefined
}

function createReader(
  record: Readonly<Record<string, unknown>>,
  where: string,
  prefix: string,
  warnings: string[],
): Reader {
  const folded = foldKeys(record)
  for (const key of folded.shadowed)
    warnings.push(`${where}: ${prefix}${key} stands more than once: the last one counts`)
  const at = (key: string): string => `${where}: ${prefix}${key}`
  const wrong = (key: string, wanted: string, value: unknown): ConfigError =>
    new ConfigError(at(key), `must be ${wanted}, not ${brief(value)}`)
  return {
    at,
    has: (key) => folded.get(key) !== undefined,
    boolean(key, absent) {
      const value = folded.get(key)
      if (value === undefined) return absent
      if (typeof value !== 'boolean') throw wrong(key, 'true or false', value)
      return value
    },
    string(key) {
      const value = folded.get(key)
      if (value !== undefined && typeof value !== 'string') throw wrong(key, 'a string', value)
      return value
    },
    number(key, parse) {
      const value = folded.get(key)
      if (value === undefined) return undefined
      if (typeof value !== 'number' || !Number.isInteger(value)) throw wrong(key, 'a whole number', value)
      try {
        return parse(value)
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause
        throw new ConfigError(at(key), cause.message, { cause })
      }
    },
    object(key) {
      const value = folded.get(key)
      if (value !== undefined && !isRecord(value)) throw wrong(key, 'an object', value)
      return value
    },
  }
}

function parseObject(text: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const { line, column } = positionAt(text, findJsonFault(text) ?? 0)
    throw new ConfigError(
      `${where}:${line}:${column}`,
      'not JSON: see the comma, quote or bracket here or just before',
      {
        cause,
      },
    )
  }
  if (isRecord(value)) return value
  throw new ConfigError(where, `must be one JSON object { … }, not ${brief(value)}`)
}

/** At most 60 characters of the value, so that a wrong file does not fill the log. */
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`
}
