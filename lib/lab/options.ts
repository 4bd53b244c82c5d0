/**
 * What the user asked of the lab: arguments → LabOptions, and the help text. Pure.
 * Must not: start anything, or know how a scenario is carried out.
 */
import { parseArgs } from 'node:util'
import { ConfigError } from '../errors.ts'
import type { Family } from '../net/ip.ts'

/** In the order in which the lab plays them. */
export const SCENARIO_NAMES = [
  'issue-2433',
  'device-deleted',
  'neighbours-flushed',
  'mac-changed',
  'api-server-away',
] as const
export type ScenarioName = (typeof SCENARIO_NAMES)[number]

/** One /24 (and one /64) a node, 10.42.1 to 10.42.250: the addressing plan ends there. */
export const MAX_NODES = 250
export const MAX_PODS = 100

export interface LabOptions {
  readonly nodes: number
  /** Per node. */
  readonly pods: number
  readonly families: readonly Family[]
  readonly pinDevice: boolean
  /** Leave the fabric running until a signal comes. */
  readonly keep: boolean
  readonly verbose: boolean
  readonly json: boolean
  readonly kube: KubeKind
  /** Where the real programs are; undefined: where `npm run test:kube` puts them. */
  readonly kubePrograms: string | undefined
  /** Empty: bring up and matrix only. */
  readonly scenarios: readonly ScenarioName[]
}

/** The lab's own API server for Nodes, or kube-apiserver and etcd. */
export const KUBE_KINDS = ['embedded', 'real'] as const
export type KubeKind = (typeof KUBE_KINDS)[number]

export type LabRequest = { readonly kind: 'help' } | { readonly kind: 'run'; readonly options: LabOptions }

export const LAB_HELP = `Usage: vtepd lab [options]

Builds a cluster's network on this machine, in private namespaces: nodes on one underlay, pods behind each, an API
server that holds their Node objects, one real 'vtepd run' per node. Then it damages node1's network in several ways
under UDP probes, one every 2 ms, and shows what vanished, when the agent acted and how long pods could not talk.
Exit status 0: every pod reached every pod after each scenario, and no agent ended.

  --nodes N          nodes, 2 to ${MAX_NODES} (default 3)
  --pods N           pods behind each node, 1 to ${MAX_PODS} (default 1)
  --ipv4             IPv4 only (default)
  --ipv6             IPv6 only
  --dual             both
  --pin-device       agents pin the VXLAN device to mgmt0, as flannel does
  --kube KIND        API server: ${KUBE_KINDS.join(' (default) or ')}, which is kube-apiserver on etcd
  --kube-programs DIR  where those two are built (default: $VTEPD_KUBE_CACHE, else ~/.cache/vtepd-kube)
  --scenario NAME    play only this one; may be repeated; 'none' plays none
                     (${SCENARIO_NAMES.slice(0, 3).join(', ')},
                     ${SCENARIO_NAMES.slice(3).join(', ')})
  --keep             leave it running afterwards and print how to look around; Ctrl-C ends it
  --verbose          show the agents' logs as they come
  --json             one JSON document on standard output; progress on standard error
  --help             this text

Needs unshare and nsenter (util-linux), ip (iproute2), and root or user namespaces. Nothing on the host is changed.
`

/** Throws ConfigError naming the flag. */
export function parseLabArguments(argv: readonly string[]): LabRequest {
  const values = parseFlags(argv)
  if (values.help === true) return { kind: 'help' }
  return {
    kind: 'run',
    options: {
      nodes: parseCount('--nodes', values.nodes, 3, 2, MAX_NODES),
      pods: parseCount('--pods', values.pods, 1, 1, MAX_PODS),
      families: parseFamilies(values),
      pinDevice: values['pin-device'] === true,
      keep: values.keep === true,
      verbose: values.verbose === true,
      json: values.json === true,
      kube: parseKube(values),
      kubePrograms: values['kube-programs'],
      scenarios: parseScenarios(values.scenario),
    },
  }
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: false,
      options: {
        nodes: { type: 'string' },
        pods: { type: 'string' },
        ipv4: { type: 'boolean' },
        ipv6: { type: 'boolean' },
        dual: { type: 'boolean' },
        'pin-device': { type: 'boolean' },
        scenario: { type: 'string', multiple: true },
        keep: { type: 'boolean' },
        verbose: { type: 'boolean' },
        json: { type: 'boolean' },
        kube: { type: 'string' },
        'kube-programs': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    const problem = error instanceof Error ? error.message.split('. ')[0] : String(error)
    throw new ConfigError('lab', `${problem}; 'vtepd lab --help' lists the options`, { cause: error })
  }
}

function parseCount(flag: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) {
    throw new ConfigError(flag, `'${text}' is not a whole number from ${least} to ${most}`)
  }
  return value
}

function parseFamilies(flags: { ipv4?: boolean; ipv6?: boolean; dual?: boolean }): readonly Family[] {
  const given = (['ipv4', 'ipv6', 'dual'] as const).filter((name) => flags[name] === true)
  if (given.length > 1) {
    throw new ConfigError(`--${given[1]}`, `cannot be combined with --${given[0]}; for both families give --dual`)
  }
  if (flags.dual === true) return ['ipv4', 'ipv6']
  return flags.ipv6 === true ? ['ipv6'] : ['ipv4']
}

function parseKube(flags: { kube?: string; 'kube-programs'?: string }): KubeKind {
  const kind = KUBE_KINDS.find((known) => known === (flags.kube ?? 'embedded'))
  if (kind === undefined) throw new ConfigError('--kube', `'${flags.kube}' is unknown; known: ${KUBE_KINDS.join(', ')}`)
  if (kind !== 'real' && flags['kube-programs'] !== undefined)
    throw new ConfigError('--kube-programs', 'is for --kube real')
  return kind
}

function parseScenarios(names: readonly string[] | undefined): readonly ScenarioName[] {
  if (names === undefined) return SCENARIO_NAMES
  for (const name of names) {
    if (name === 'none' ? names.length > 1 : !SCENARIO_NAMES.some((known) => known === name)) {
      const problem =
        name === 'none' ? "'none' stands alone" : `'${name}' is unknown; known: ${SCENARIO_NAMES.join(', ')}, none`
      throw new ConfigError('--scenario', problem)
    }
  }
  return SCENARIO_NAMES.filter((known) => names.includes(known))
}
