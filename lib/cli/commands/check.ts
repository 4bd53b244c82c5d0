/**
 * `vtepd check`: whether this host has what an agent needs, each finding with its remedy; takes the flags of `vtepd run`, and looks with
 * them. Must not: change anything, nor decide what a finding means (lib/cli/check).
 */
import { constants, readFileSync } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { ConfigError } from '../../errors.ts'
import { runProgram } from '../../host/exec.ts'
import { listFolder, readIfExists } from '../../host/files.ts'
import { output, writeJson } from '../../host/output.ts'
import { findRival, K3S_NET_CONF } from '../../host/rival.ts'
import type { Cidr } from '../../net/cidr.ts'
import { FAMILIES } from '../../net/ip.ts'
import { messageOf } from '../../util/message-of.ts'
import { printable } from '../../util/printable.ts'
import { styleOf } from '../../util/style.ts'
import { checkFiles } from '../check/files.ts'
import { type CheckHost, type Finding, fine, prevents, warns } from '../check/finding.ts'
import { checkFirewalls } from '../check/firewalls.ts'
import { checkKernel } from '../check/kernel.ts'
import { checkManagers } from '../check/managers.ts'
import { checkPorts } from '../check/ports.ts'
import { checkSettings } from '../check/settings.ts'
import { buildRunConfig, type RunConfig } from '../config.ts'
import { hostFiles } from '../k3s/host-files.ts'
import { RUN_FLAGS } from '../run-flags.ts'
import { collectRunSettings } from '../run-settings.ts'

const ABOUT = {
  name: 'vtepd check',
  summary: `Whether this host has what an agent needs: kernel and its modules, rights, packet filter tools, sysctls, other programs that look
after interfaces, the VNI and ports, the interface of the underlay, its MTU and checksums, firewalls, networks that overlap, cni0 and
docker0, files, rival agents, the API server, what the account may do, and the clock. Takes the flags of vtepd run and looks with them. Nothing is changed.`,
  footer: `Example:
  vtepd check --kubeconfig-file /etc/vtepd/kubeconfig --iface eth1

Exit status: 0 nothing prevents an agent, 1 something does, 2 wrong flags.`,
} as const

/** What --json prints. */
export interface Report {
  readonly findings: readonly Finding[]
}

export const CHECK = { flags: RUN_FLAGS, about: ABOUT }

/** Resolves with the exit status; rejects with ConfigError for flags that are none. */
export async function checkCommand(argv: readonly string[]): Promise<number> {
  const readText = (file: string): string => readFileSync(file, 'utf8')
  const settings = await collectRunSettings(argv, { env: process.env, readText, host: hostFiles, about: CHECK.about })
  if (settings.help !== undefined) {
    output.write(settings.help)
    return 0
  }
  const findings = [...(await checkKernel(HOST)), ...(await checkManagers(HOST))]
  let config: RunConfig | undefined
  try {
    config = buildRunConfig({ ...settings, readText })
    findings.push(...config.warnings.map((text) => warns('configuration', text, 'see docs/flags.md')))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    findings.push(
      prevents('configuration', messageOf(error), 'until it is right, nothing that depends on it is looked at'),
    )
  }
  findings.push(...(await checkRival(config?.agent.k3sNetConf)))
  if (config !== undefined) findings.push(...(await checkConfigured(config)))
  const { json } = settings.flags
  if (json) writeJson({ findings } satisfies Report)
  else output.write(render(findings))
  return findings.some(({ verdict }) => verdict === 'prevents') ? 1 : 0
}

const HOST: CheckHost = {
  readText: (file) => readIfExists(file).catch(() => undefined),
  list: listFolder,
  has: async (program) => (await runProgram(program, ['--version'])).outcome !== 'missing',
  roomIn,
  release: release(),
}

async function roomIn(folder: string) {
  try {
    const { bavail, bsize } = await statfs(folder)
    const writable = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    )
    return { writable, freeBytes: bavail * bsize }
  } catch {
    return undefined
  }
}

async function checkConfigured({ agent }: RunConfig): Promise<readonly Finding[]> {
  const families = FAMILIES.filter((family) => agent.network[family] !== undefined)
  const how = { sets: agent.hostSysctls !== 'warn', firewall: agent.firewall?.mode ?? 'auto' }
  const { backend } = agent.network
  const vxlan = backend.type === 'vxlan' ? (backend.port ?? KERNEL_VXLAN_PORT) : undefined
  const api = agent.leases.kind === 'kube' ? await (await import('../check/api.ts')).checkApi(agent.leases) : NO_API
  return [
    ...(await checkSettings(HOST, families, how)),
    ...(await checkPorts(HOST, families, { vxlan, health: agent.health?.port, mesh: agent.mesh?.port })),
    ...(await lookAtNetwork(agent, api.podCidrs)),
    ...(await checkFirewalls(HOST, runProgram, agent.network, families)),
    ...(await checkFiles(HOST, agent)),
    ...api.findings,
  ]
}

const NO_API = { findings: [], podCidrs: [] }

async function lookAtNetwork(
  { network, underlayChoice, txChecksumOffload = 'auto' }: RunConfig['agent'],
  podCidrs: readonly Cidr[],
): Promise<readonly Finding[]> {
  const { openRtnl } = await import('../../rtnl/native.ts')
  const { checkNetwork } = await import('../check/network.ts')
  const { checkPodLinks } = await import('../check/pod-links.ts')
  const rtnl = openRtnl()
  try {
    return [
      ...(await checkNetwork(rtnl, network, underlayChoice, txChecksumOffload)),
      ...(podCidrs.length > 0 ? await checkPodLinks(rtnl, network, podCidrs) : []),
    ]
  } finally {
    await rtnl.close()
  }
}

async function checkRival(k3sNetConf = K3S_NET_CONF): Promise<readonly Finding[]> {
  const rival = await findRival({ proc: '/proc', k3sNetConf })
  if (rival === undefined) return [fine('rivals', 'no flanneld runs here, and no k3s with its own flannel')]
  const remedy = 'stop it first: docs/migrating.md, docs/k3s.md'
  return rival.certain
    ? [prevents('rivals', `${rival.name} keeps the same device`, remedy)]
    : [warns('rivals', `${rival.name} may keep the same device`, remedy)]
}

const WORDS = { fine: 'ok', warns: 'warning', prevents: 'PREVENTS', unknown: 'unknown' } as const

function render(findings: readonly Finding[]): string {
  const style = styleOf(output, process.env)
  const paint = { fine: style.good, warns: style.strong, prevents: style.bad, unknown: style.faint }
  const width = Math.max(...findings.map(({ about }) => about.length))
  const lines = findings.flatMap(({ about, verdict, found, remedy }) => [
    `${paint[verdict](WORDS[verdict].padEnd(8))}  ${about.padEnd(width)}  ${printable(found)}`,
    ...(remedy === null ? [] : [`${' '.repeat(width + 12)}→ ${printable(remedy)}`]),
  ])
  const bad = findings.filter(({ verdict }) => verdict === 'prevents').length
  const end =
    bad === 0
      ? 'Nothing prevents an agent here.'
      : `${bad} ${bad === 1 ? 'thing prevents' : 'things prevent'} an agent here.`
  return `${[...lines, '', end].join('\n')}\n`
}
