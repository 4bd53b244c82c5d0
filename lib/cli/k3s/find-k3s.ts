/**
 * Everything that `vtepd run --k3s` takes from a host of k3s: which flags follow from k3s' settings, by whose credentials Nodes are
 * read and written, the network, the node's name, where CNI and tools are. Refuses where k3s' own flannel is on.
 * Must not: write, run a program, or believe a process of a container.
 */
import { ConfigError } from '../../errors.ts'
import { familyOf, type Ip, parseIp } from '../../net/ip.ts'
import type { FlagLayer } from '../flag-layers.ts'
import type { RunFlagName } from '../run-flags.ts'
import { findAccess } from './access.ts'
import { refuseFlannel } from './backend.ts'
import { cniFound, DEFAULT_DATA_DIR, findDataDir, findTools, flannelConf, type K3sTools } from './folders.ts'
import type { HostFiles } from './host-files.ts'
import { findNetwork } from './network.ts'
import { findNodeName } from './node-name.ts'
import type { K3sFlagValues } from './part.ts'
import { findRunning } from './running.ts'
import { findServices } from './service.ts'
import { type K3sCommand, type K3sSettings, readSettings, type Told } from './settings.ts'

export interface K3sFindings {
  /** Below the command line, the environment and the config file. */
  readonly flags: FlagLayer<RunFlagName>
  readonly nodeName: Told<string>
  /** Where no file says the network. */
  readonly netConf: { readonly text: string; readonly where: string } | undefined
  /** Kubeconfigs by which Nodes are read where the first one may not. */
  readonly readers: readonly string[]
  /** Told instead of the underlay's addresses, and before what the Node's annotations say. */
  readonly publish: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /** Folders of programs that k3s brings. */
  readonly tools: K3sTools
  readonly ipv6Masquerade: boolean
  /** Where k3s' own flannel writes its network when it starts. */
  readonly flannelConf: string
  /** Sentences: what was found, and from where. */
  readonly found: readonly string[]
  readonly warnings: readonly string[]
}

/** Rejects with ConfigError that says what to set. `force`: also beside k3s' own flannel. */
export async function findK3s(files: HostFiles, options: { readonly force: boolean }): Promise<K3sFindings> {
  const command = findCommand(files)
  const settings = await readSettings(files, command)
  refuseUnfit(settings)
  const role = command.words[0] === 'server' ? 'server' : 'agent'
  const dataDir = findDataDir(settings)
  const backend = refuseFlannel(settings, role, options.force)
  const network = findNetwork(files, settings, role, dataDir.value)
  const access = findAccess(files, settings, role, dataDir.value)
  const nodeName = findNodeName(files, settings, dataDir.value)
  const external = externalAddresses(settings)
  const tools = findTools(files, settings, dataDir.value)
  const ipv6Masquerade = settings.on('flannel-ipv6-masq')?.value ?? false
  return {
    flags: new Map([...flagsOf(settings), ...network.flags, ...access.flags]),
    nodeName,
    netConf: network.netConf,
    readers: access.readers,
    publish: external.publish,
    tools,
    ipv6Masquerade,
    flannelConf: flannelConf(dataDir.value),
    found: [
      `k3s ${role} (${command.from}), its data in ${dataDir.value} (${dataDir.from})`,
      ...backend.found,
      `this node is ${nodeName.value} (${nodeName.from})`,
      ...network.found,
      ...access.found,
      ...interfaceFound(settings),
      ...external.found,
      ...cniFound(files, settings, dataDir.value),
      ...policyFound(settings, role),
      ...(tools.folders.length === 0
        ? []
        : [`programs of k3s ${tools.first ? 'before' : 'behind'} PATH: ${tools.folders.join(', ')}`]),
    ],
    warnings: [
      ...backend.warnings,
      ...network.warnings,
      ...external.warnings,
      ...(command.hidden === true
        ? [`${command.from}: k3s hides its command line, so flags that stand there are not seen: repeat them here`]
        : []),
      ...settings.misplaced.map((name) => `${name} is a setting of k3s servers: given to this agent it has no effect`),
    ],
  }
}

/** The service that runs; else the first that is there; else what runs without one. */
function findCommand(files: HostFiles): K3sCommand {
  const running = findRunning(files)
  const services = findServices(files)
  const service =
    services.find(({ name }) => name === running?.unit) ??
    services.find(({ words }) => running === undefined || words[0] === running.role)
  if (service !== undefined) return service
  if (running !== undefined) {
    const from = `process ${running.pid}, without a service`
    const env = [...running.env].map(([name, value]) => [name, { value, from }] as const)
    return { words: running.words, from, env: new Map(env), hidden: running.words.length === 1 }
  }
  const [first] = services
  if (first !== undefined) return first
  for (const role of ['server', 'agent'] as const)
    if (files.exists(`${DEFAULT_DATA_DIR}/${role}`))
      return { words: [role], from: `${DEFAULT_DATA_DIR}/${role}`, env: new Map() }
  throw new ConfigError(
    '--k3s',
    `there is no k3s here: no unit, no process, no ${DEFAULT_DATA_DIR}; install k3s first, or remove the flag`,
  )
}

function refuseUnfit(settings: K3sSettings): void {
  const rootless = settings.on('rootless')
  if (rootless?.value === true)
    throw new ConfigError(
      rootless.from,
      'k3s runs rootless, its pods in a network namespace of their own: vtepd cannot',
    )
  const without = settings.on('disable-agent')
  if (without?.value === true)
    throw new ConfigError(without.from, 'this k3s server is no node, and has no pods: vtepd is not needed here')
}

/** What k3s tells the flannel inside it, whatever its settings, and what they add. */
function flagsOf(settings: K3sSettings): K3sFlagValues {
  const iface = settings.text('flannel-iface')
  const plain = settings.on('flannel-ip-masq-disable-random-fully')
  // Who has a conflist or a runtime of their own keeps it where that looks.
  const own = (['flannel-cni-conf', 'container-runtime-endpoint'] as const).some(
    (name) => settings.text(name) !== undefined,
  )
  return [
    ...(!own ? [['cni', { value: 'k3s', by: 'as in k3s' }] as const] : []),
    ['ip-masq', { value: true, by: 'as in k3s' }],
    ['set-node-network-unavailable', { value: false, by: 'as in k3s' }],
    ...(iface === undefined ? [] : [['iface', { value: [iface.value], by: iface.from }] as const]),
    ...(plain?.value === true ? [['ip-masq-fully-random-disable', { value: true, by: plain.from }] as const] : []),
  ]
}

function interfaceFound(settings: K3sSettings): readonly string[] {
  const iface = settings.text('flannel-iface')
  if (iface !== undefined) return [`the overlay is on ${iface.value} (${iface.from})`]
  const ips = settings.list('node-ip')
  const node = ips === undefined ? '' : `: ${ips.value.join(', ')} (${ips.from})`
  return [`no flannel-iface is set: the address published before, else the Node's InternalIP${node}`]
}

function externalAddresses(settings: K3sSettings): Pick<K3sFindings, 'publish' | 'found' | 'warnings'> {
  const none = { publish: { ipv4: undefined, ipv6: undefined }, found: [], warnings: [] }
  const asked = settings.on('flannel-external-ip')
  if (asked?.value !== true) return none
  const told = settings.list('node-external-ip')
  if (told === undefined)
    return {
      ...none,
      warnings: [`${asked.from}: no node-external-ip is set on this node: its own address is published`],
    }
  const ips = told.value.map((text) => {
    try {
      return parseIp(text)
    } catch (cause) {
      throw new ConfigError(told.from, `'${text}' is no address`, { cause })
    }
  })
  const publish = {
    ipv4: ips.find((ip) => familyOf(ip) === 'ipv4'),
    ipv6: ips.find((ip) => familyOf(ip) === 'ipv6'),
  }
  const named = [publish.ipv4, publish.ipv6].filter((ip) => ip !== undefined).join(' and ')
  return { ...none, publish, found: [`published is ${named} (${told.from}, as ${asked.from})`] }
}

function policyFound(settings: K3sSettings, role: 'server' | 'agent'): readonly string[] {
  if (role === 'agent') return []
  const off = settings.on('disable-network-policy')
  return off?.value === true
    ? [`network policies are nobody's here (${off.from})`]
    : ["network policies are kept by k3s' own controller, beside vtepd"]
}
