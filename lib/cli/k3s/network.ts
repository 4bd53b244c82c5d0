/**
 * The network of a k3s cluster: from the file that says it, or, as k3s writes none while its own flannel is off, from `cluster-cidr`
 * in the form in which k3s would write it. Must not: check more than that it is a network (lib/cluster/net-conf.ts).
 */
import { ConfigError } from '../../errors.ts'
import { type Cidr, cidrFamily, parseCidr } from '../../net/cidr.ts'
import { isRecord } from '../../util/go-json.ts'
import { flannelConf } from './folders.ts'
import type { HostFiles } from './host-files.ts'
import type { K3sPart } from './part.ts'
import type { K3sSettings, Told } from './settings.ts'

/** k3s'; of a cluster of IPv6 nodes alone it is the second. */
const DEFAULT_CIDRS = { ipv4: '10.42.0.0/16', ipv6: 'fd00:42::/56' } as const

export interface BuiltNetConf {
  readonly text: string
  /** Stands where a file's name would. */
  readonly where: string
  readonly warnings: readonly string[]
}

/**
 * `left`: the net-conf.json of k3s' own flannel, from when it was on. Where its networks are the same its backend is kept, so that
 * the nodes which have not changed yet are still understood; wireguard and tailscale are not, and become vxlan.
 */
export function buildNetConf(
  given: Told<readonly string[]> | undefined,
  left: string | undefined,
  nodeIps: readonly string[],
): BuiltNetConf {
  const onlyIpv6 = nodeIps.length > 0 && nodeIps.every((ip) => ip.includes(':'))
  const from = given?.from ?? 'the default cluster-cidr of k3s'
  const cidrs = (given?.value ?? [onlyIpv6 ? DEFAULT_CIDRS.ipv6 : DEFAULT_CIDRS.ipv4]).map((text) => read(text, from))
  const of = (family: 'ipv4' | 'ipv6'): Cidr | undefined => cidrs.find((cidr) => cidrFamily(cidr) === family)
  const [ipv4, ipv6] = [of('ipv4'), of('ipv6')]
  const warnings = cidrs
    .filter((cidr) => cidr !== ipv4 && cidr !== ipv6)
    .map((cidr) => `${from}: ${cidr} is left out: one network a family`)
  const { backend, said } = keptBackend(left, ipv4, ipv6)
  const conf = {
    EnableIPv4: ipv4 !== undefined,
    Network: ipv4 ?? '0.0.0.0/0',
    EnableIPv6: ipv6 !== undefined,
    IPv6Network: ipv6 ?? '::/0',
    Backend: backend,
  }
  return { text: JSON.stringify(conf), where: from, warnings: [...warnings, ...said] }
}

function read(text: string, from: string): Cidr {
  try {
    return parseCidr(text)
  } catch (cause) {
    throw new ConfigError(from, `'${text}' is not a CIDR`, { cause })
  }
}

interface Backend {
  readonly backend: object
  readonly said: readonly string[]
}

const VXLAN = { Type: 'vxlan' } as const
/** What vtepd speaks too. */
const KEPT: ReadonlySet<string> = new Set(['vxlan', 'host-gw'])

function keptBackend(left: string | undefined, ipv4: Cidr | undefined, ipv6: Cidr | undefined): Backend {
  const conf = readLeft(left)
  if (conf === undefined || conf.ipv4 !== ipv4 || conf.ipv6 !== ipv6) return { backend: VXLAN, said: [] }
  if (KEPT.has(conf.type)) return { backend: conf.backend, said: [] }
  return {
    backend: VXLAN,
    said: [
      `k3s' flannel was on with the backend ${conf.type}, which vtepd has not: this node speaks vxlan, without encryption, and reaches none that still speaks ${conf.type}`,
    ],
  }
}

interface LeftConf {
  /** Lower case. */
  readonly type: string
  readonly backend: object
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
}

/** As k3s writes it; undefined for anything else. */
function readLeft(text: string | undefined): LeftConf | undefined {
  let conf: unknown
  try {
    conf = JSON.parse(text ?? '')
  } catch {
    return undefined
  }
  if (!isRecord(conf) || !isRecord(conf.Backend) || typeof conf.Backend.Type !== 'string') return undefined
  const { Network: ipv4, IPv6Network: ipv6 } = conf
  return {
    type: conf.Backend.Type.toLowerCase(),
    backend: conf.Backend,
    ipv4: conf.EnableIPv4 !== false && typeof ipv4 === 'string' ? ipv4 : undefined,
    ipv6: conf.EnableIPv6 === true && typeof ipv6 === 'string' ? ipv6 : undefined,
  }
}

const OWN_NET_CONF = '/etc/kube-flannel/net-conf.json'

export interface FoundNetwork extends K3sPart {
  /** Where no file says it. */
  readonly netConf: { readonly text: string; readonly where: string } | undefined
  readonly warnings: readonly string[]
}

export function findNetwork(
  files: HostFiles,
  settings: K3sSettings,
  role: 'server' | 'agent',
  dataDir: string,
): FoundNetwork {
  const file = (value: string, by: string): FoundNetwork => ({
    flags: [['net-config-path', { value, by }]],
    found: [`the network is that of ${value}${by === value ? '' : ` (${by})`}`],
    netConf: undefined,
    warnings: [],
  })
  const told = settings.text('flannel-conf')
  if (told !== undefined) return file(told.value, told.from)
  if (files.exists(OWN_NET_CONF)) return file(OWN_NET_CONF, OWN_NET_CONF)
  const place = flannelConf(dataDir)
  const text = files.peek(place)
  const nodeIps = settings.list('node-ip')?.value ?? []
  if (role === 'server') return built(buildNetConf(settings.list('cluster-cidr'), text, nodeIps), [])
  const left = readLeft(text)
  if (text !== undefined && (left === undefined || KEPT.has(left.type)))
    return file(place, 'left from when k3s’ flannel was on')
  if (left !== undefined) {
    const cidrs = [left.ipv4, left.ipv6].filter((cidr) => cidr !== undefined)
    return built(buildNetConf({ value: cidrs, from: place }, text, nodeIps), [])
  }
  const netConf = buildNetConf(undefined, undefined, nodeIps)
  const unsure = `agents are not told the cluster-cidr: ${netConf.where} is taken; where the servers have another, give --net-config-path`
  return built(netConf, [unsure])
}

function built(netConf: BuiltNetConf, more: readonly string[]): FoundNetwork {
  return {
    flags: [],
    netConf,
    found: [`the network is ${netConf.text} (${netConf.where})`],
    warnings: [...netConf.warnings, ...more],
  }
}
