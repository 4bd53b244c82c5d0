/**
 * Flags, environment and net-conf → AgentConfig. Every fault is a ConfigError that says where, what and what to do.
 * Must not: touch anything but the files named here, which it reads through `readText`.
 */
import path from 'node:path'
import type { AgentConfig, CustomLeasesConfig, KubeLeasesConfig } from '../agent/config.ts'
import { parseNetwork } from '../cluster/net-conf.ts'
import { type Network, withPinned } from '../cluster/network.ts'
import { CONFLIST_KINDS } from '../cni/conflist.ts'
import { ConfigError } from '../errors.ts'
import { annotationKeys } from '../leases/annotations.ts'
import type { LeaseSource } from '../leases/custom-port.ts'
import { FAMILIES, type Family, type Ip, isUnicastHost, parseIp, parseIpOf } from '../net/ip.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { LogLevel } from '../util/log.ts'
import { apiUrlOf, conflistName, filePath, flagIp, nonEmpty, oneOf, unreadBecause } from './flag-values.ts'
import { flagWarnings, lowerCased, PUBLIC_IP_FLAG } from './flag-warnings.ts'
import type { K3sFindings } from './k3s/find-k3s.ts'
import type { GivenFlags } from './parse-flags.ts'
import { publisherOf } from './publisher.ts'
import type { RunFlagName, RunFlags } from './run-flags.ts'

export interface ConfigInput {
  readonly flags: RunFlags
  readonly given: GivenFlags<RunFlagName>
  readonly env: NodeJS.ProcessEnv
  /** Text of a file; throws what node:fs throws. */
  readonly readText: (file: string) => string
  /** What --k3s found beyond flags, which are among `flags` already. */
  readonly k3s?: K3sFindings | undefined
  /** Instead of the file of --net-config-path, which is then not followed; `where` is named in its faults. */
  readonly netConf?: { readonly text: string; readonly where: string } | undefined
  /** Instead of Kubernetes or a file. */
  readonly leases?: LeaseSource | undefined
}

export interface RunConfig {
  readonly agent: AgentConfig
  readonly log: { readonly level: LogLevel; readonly format: 'text' | 'json' }
  /** One sentence each, for the log's start. */
  readonly warnings: readonly string[]
}

/** Paths come out absolute, addresses canonical. Throws ConfigError. */
export function buildRunConfig(input: ConfigInput): RunConfig {
  try {
    return runConfigOf(input)
  } catch (error) {
    throw namedAsGiven(error, input.given)
  }
}

/** A fault of `--iface` that came from FLANNELD_IFACE is reported as one of FLANNELD_IFACE. */
function namedAsGiven(error: unknown, given: ConfigInput['given']): unknown {
  if (!(error instanceof ConfigError)) return error
  const by = [...given].find(([name]) => error.where === `--${name}`)?.[1]
  if (by === undefined || by === error.where) return error
  return new ConfigError(by, error.message.slice(error.where.length + 2), { cause: error.cause })
}

function runConfigOf(input: ConfigInput): RunConfig {
  const { flags } = input
  refuseUnsupported(input)
  const log = logSettings(input)
  const underlayChoice = underlayChoiceOf(flags)
  const health = healthOf(flags)
  const metrics = metricsOf(flags)
  const leases = leasesOf(input)
  const { network, warnings } = networkOf(input)
  return {
    agent: {
      network,
      netConf: followedNetConf(input),
      underlayChoice,
      subnetFile: filePath('subnet-file', flags['subnet-file']),
      conflist: conflistOf(flags),
      ipMasq: flags['ip-masq'],
      ...(input.k3s?.ipv6Masquerade === false ? { ipv6Masquerade: false } : {}),
      txChecksumOffload: oneOf('tx-checksum-offload', flags['tx-checksum-offload'], ['auto', 'on', 'off']),
      ipBlackholeRoute: flags['ip-blackhole-route'],
      iptablesForwardRules: flags['iptables-forward-rules'],
      firewall: firewallOf(input),
      mesh: meshOf(flags, network),
      hostSysctls: oneOf('host-sysctls', flags['host-sysctls'], ['set', 'warn']),
      stateDir: filePath('state-dir', flags['state-dir']),
      ...(flags['run-dir'] === '' ? {} : { runDir: path.resolve(flags['run-dir']) }),
      force: flags.force,
      ...(input.k3s === undefined ? {} : { k3sNetConf: input.k3s.flannelConf }),
      events: flags.events,
      health,
      ...(metrics === undefined ? {} : { metrics }),
      leases,
    },
    log,
    warnings: [...(input.k3s?.warnings ?? []), ...warnings, ...flagWarnings(input, network)],
  }
}

/** An address that a flag gives goes before the one that k3s is told to publish. */
function publishInstead({ k3s, flags }: ConfigInput): NonNullable<KubeLeasesConfig['publishInstead']> {
  const told = FAMILIES.flatMap((family) => {
    const ip = flags[PUBLIC_IP_FLAG[family]] === '' ? k3s?.publish[family] : undefined
    return ip === undefined ? [] : [[family, ip] as const]
  })
  return Object.fromEntries(told)
}

function refuseUnsupported({ given }: ConfigInput): void {
  const etcd = [...given.keys()].find((name) => name.startsWith('etcd-'))
  if (etcd !== undefined)
    throw new ConfigError(
      `--${etcd}`,
      'the etcd subnet manager is not supported; remove the etcd flags and take leases from Kubernetes (--kubeconfig-file, or in-cluster) or from a file (--leases)',
    )
}

function logSettings({ flags, given }: ConfigInput): RunConfig['log'] {
  const level = oneOf('log-level', flags['log-level'], ['debug', 'info', 'warn', 'error'])
  const format = oneOf('log-format', flags['log-format'], ['text', 'json'])
  return { level: !given.has('log-level') && flags.v >= 2 ? 'debug' : level, format }
}

function underlayChoiceOf(flags: RunFlags): UnderlayChoice {
  return {
    ifaces: flags.iface.map((text) => nonEmpty('iface', text)),
    regexes: flags['iface-regex'].map(regexOf),
    canReach:
      flags['iface-can-reach'] === '' ? undefined : flagIp('iface-can-reach', () => parseIp(flags['iface-can-reach'])),
    publicIp: { ipv4: publicIp('public-ip', 'ipv4', flags), ipv6: publicIp('public-ipv6', 'ipv6', flags) },
    fallbackAfterMs: 1000 * seconds('iface-fallback-after', flags),
  }
}

function seconds(name: 'iface-fallback-after', flags: RunFlags): number {
  const value = flags[name]
  if (value < 0) throw new ConfigError(`--${name}`, `${value} is no time; give seconds, or 0 for at once`)
  return value
}

/** Go's inline flags at the front become JavaScript's; the `u` flag makes a syntax that only Go has an error, not a surprise. */
function regexOf(text: string): RegExp {
  const [, inline = '', body = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(nonEmpty('iface-regex', text)) ?? []
  try {
    return new RegExp(body, `${[...new Set(inline)].join('')}u`)
  } catch (error) {
    throw new ConfigError('--iface-regex', `'${text}' is not a regular expression; write one as in '^eth[0-9]+$'`, {
      cause: error,
    })
  }
}

function publicIp(name: 'public-ip' | 'public-ipv6', family: Family, flags: RunFlags): Ip | undefined {
  if (flags[name] === '') return undefined
  const ip = flagIp(name, () => parseIpOf(family, flags[name]))
  if (!isUnicastHost(ip)) throw new ConfigError(`--${name}`, `'${ip}' is no address that other nodes can reach`)
  return ip
}

function healthOf(flags: RunFlags): AgentConfig['health'] {
  const port = flags['healthz-port']
  if (port < 0 || port > 65535)
    throw new ConfigError('--healthz-port', `${port} is no port; give 1 to 65535, or 0 for no health server`)
  if (port === 0) return undefined
  return { ip: flagIp('healthz-ip', () => parseIp(flags['healthz-ip'])), port }
}

/** VXLAN's own port on the underlay address would be taken from the kernel. */
function meshOf(flags: RunFlags, { backend }: Network): AgentConfig['mesh'] {
  const { 'mesh-rate': rate, 'mesh-port': port } = flags
  if (rate < 0 || rate > MOST_PROBES)
    throw new ConfigError('--mesh-rate', `${rate} is no rate; give 1 to ${MOST_PROBES} a second, or 0 for no probes`)
  if (port < 1 || port > 65535) throw new ConfigError('--mesh-port', `${port} is no port; give 1 to 65535`)
  if (rate === 0) return undefined
  if (backend.type === 'vxlan' && backend.port === port)
    throw new ConfigError('--mesh-port', `${port} is VXLAN's own port here; choose another, the same on all nodes`)
  return { rate, port }
}

const MOST_PROBES = 1000

function metricsOf(flags: RunFlags): AgentConfig['metrics'] {
  const text = flags['metrics-bind-address']
  if (text === '') return undefined
  const [, host = '', digits] =
    /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text)?.filter((part) => part !== undefined) ?? []
  const port = Number(digits)
  if (!(port >= 1 && port <= 65535))
    throw new ConfigError('--metrics-bind-address', `'${text}' is not as 192.0.2.1:8082, [2001:db8::1]:8082 or :8082`)
  return { ip: flagIp('metrics-bind-address', () => parseIp(host === '' ? '0.0.0.0' : host)), port }
}

function firewallOf({ flags, given }: ConfigInput): NonNullable<AgentConfig['firewall']> {
  const resync = flags['iptables-resync']
  if (resync < 1) throw new ConfigError('--iptables-resync', `${resync} is no time; give seconds, at least 1`)
  return {
    mode: oneOf('firewall', flags.firewall, ['auto', 'nftables', 'iptables', 'none']),
    style: oneOf('nft-rules', flags['nft-rules'], ['corrected', 'flannel']),
    fullyRandom: !flags['ip-masq-fully-random-disable'],
    vxlanAllow: oneOf('vxlan-allow', flags['vxlan-allow'], ['all', 'known']),
    auditMs: given.has('iptables-resync') ? resync * 1000 : undefined,
  }
}

function leasesOf(input: ConfigInput): AgentConfig['leases'] {
  const { flags, given, env, k3s } = input
  const nodeName = env.NODE_NAME ?? ''
  const watch = oneOf('watch', flags.watch, ['nodes', 'metadata'])
  if (input.leases !== undefined) return customLeases(input, input.leases)
  if (flags.leases !== '') {
    if (nodeName === '') throw new ConfigError('NODE_NAME', `is not set; set it to this node's name in ${flags.leases}`)
    return { kind: 'file', path: path.resolve(flags.leases), nodeName }
  }
  const kubeconfigFile = flags['kubeconfig-file'] === '' ? undefined : path.resolve(flags['kubeconfig-file'])
  const apiUrl = apiUrlOf(flags['kube-api-url'])
  if (kubeconfigFile === undefined && apiUrl === undefined && !env.KUBERNETES_SERVICE_HOST)
    throw new ConfigError(
      '--kubeconfig-file',
      'is not given, and this is no pod (KUBERNETES_SERVICE_HOST is not set); give it, or --kube-api-url, or --leases for a file of nodes',
    )
  const claims = oneOf('claims', flags.claims, ['auto', 'annotations', 'objects'])
  const byK3s = k3s !== undefined && given.get('kubeconfig-file') === k3s.flags.get('kubeconfig-file')?.by
  return {
    kind: 'kube',
    kubeconfigFile,
    ...(byK3s ? { readers: k3s.readers } : {}),
    ...(k3s === undefined ? {} : { publishInstead: publishInstead(input) }),
    apiUrl,
    annotationPrefix: annotationPrefix(flags['kube-annotation-prefix']),
    setNodeNetworkUnavailable: flags['set-node-network-unavailable'],
    publisher: publisherOf(flags, kubeconfigFile, env),
    watch,
    ...(claims === 'annotations' ? {} : { claims }),
    node: nodeOf(nodeName, env),
  }
}

function customLeases({ flags, env }: ConfigInput, source: LeaseSource): CustomLeasesConfig {
  const other = (['leases', 'kubeconfig-file', 'kube-api-url'] as const).find((name) => flags[name] !== '')
  if (other !== undefined)
    throw new ConfigError(
      `--${other}`,
      'is a second source of leases beside the one that the program brings; remove one',
    )
  const nodeName = env.NODE_NAME ?? ''
  if (nodeName === '')
    throw new ConfigError('NODE_NAME', "is not set; set it to this node's name in the source of leases")
  return { kind: 'custom', source, nodeName }
}

function nodeOf(nodeName: string, env: NodeJS.ProcessEnv): KubeLeasesConfig['node'] {
  const name = lowerCased(nodeName)
  if (name !== '') return { name }
  if (env.POD_NAME && env.POD_NAMESPACE) return { pod: env.POD_NAME, podNamespace: env.POD_NAMESPACE }
  throw new ConfigError(
    'NODE_NAME',
    "is not set; set it to the name of this machine's Node, or in a pod set POD_NAME and POD_NAMESPACE",
  )
}

function annotationPrefix(text: string): string {
  annotationKeys(text)
  return text
}

/** What was made of k3s' own settings is no file to follow. */
function followedNetConf({ flags, given, k3s, netConf }: ConfigInput): AgentConfig['netConf'] {
  if (netConf !== undefined) return undefined
  if (k3s?.netConf !== undefined && !given.has('net-config-path')) return undefined
  return { path: path.resolve(flags['net-config-path']), pinDevice: flags['pin-device'] }
}

function networkOf({ flags, given, readText, k3s, netConf }: ConfigInput): {
  network: Network
  warnings: readonly string[]
} {
  const file = path.resolve(flags['net-config-path'])
  const built = netConf ?? (given.has('net-config-path') ? undefined : k3s?.netConf)
  const { text, where } = built ?? { text: readNetConf(file, readText), where: file }
  const { network, warnings } = parseNetwork(text, where)
  return { network: withPinned(network, flags['pin-device']), warnings }
}

function conflistOf(flags: RunFlags): AgentConfig['conflist'] {
  const kind = oneOf('cni', flags.cni, ['none', ...CONFLIST_KINDS])
  const name = conflistName(flags['cni-conf-name'])
  return kind === 'none' ? undefined : { kind, path: path.join(filePath('cni-conf-dir', flags['cni-conf-dir']), name) }
}

function readNetConf(file: string, readText: (file: string) => string): string {
  try {
    return readText(file)
  } catch (error) {
    throw new ConfigError(
      file,
      `${unreadBecause(error)}; write the network there, or name the file with --net-config-path`,
      {
        cause: error,
      },
    )
  }
}
