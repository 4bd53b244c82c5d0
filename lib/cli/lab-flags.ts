/**
 * Every flag of `vtepd lab`, and what the lab is asked for by them. Pure. Must not: start anything.
 */
import { ConfigError } from '../errors.ts'
import {
  DEVICE_SCENARIOS,
  KUBE_KINDS,
  type KubeKind,
  LAB_BACKENDS,
  LAB_CLAIMS,
  type LabBackend,
  type LabClaims,
  type LabOptions,
  MAX_NODES,
  MAX_PODS,
  MAX_REPEATS,
  MAX_SECONDS,
  SCENARIO_NAMES,
  type ScenarioName,
} from '../lab/options.ts'
import type { Family } from '../net/ip.ts'
import type { FlagSpec, FlagValues } from './flag-spec.ts'
import { parseFlags } from './parse-flags.ts'

const FABRIC = 'What is built'
const PLAY = 'What is done with it'
const OUTPUT = 'What is shown'

const LAB_FLAGS = [
  {
    name: 'nodes',
    kind: 'int',
    default: 3,
    placeholder: 'number',
    group: FABRIC,
    help: `nodes, 2 to ${MAX_NODES}`,
  },
  {
    name: 'pods',
    kind: 'int',
    default: 1,
    placeholder: 'number',
    group: FABRIC,
    help: `pods behind each node, 1 to ${MAX_PODS}`,
  },
  { name: 'ipv4', kind: 'bool', default: false, group: FABRIC, help: 'IPv4 only; so it is without a flag' },
  { name: 'ipv6', kind: 'bool', default: false, group: FABRIC, help: 'IPv6 only' },
  { name: 'dual', kind: 'bool', default: false, group: FABRIC, help: 'both' },
  {
    name: 'backend',
    kind: 'string',
    default: 'vxlan',
    placeholder: LAB_BACKENDS.join('|'),
    group: FABRIC,
    help: 'what carries packets between the nodes; with host-gw the scenarios that damage a device are left out',
  },
  {
    name: 'pin-device',
    kind: 'bool',
    default: false,
    group: FABRIC,
    help: 'agents pin the VXLAN device to mgmt0, as flannel does',
  },
  {
    name: 'agent',
    kind: 'string',
    default: '',
    placeholder: 'program',
    group: FABRIC,
    help: 'agents are started by this program, another vtepd or what becomes one (exec); without it: this vtepd',
  },
  {
    name: 'confined',
    kind: 'bool',
    default: false,
    group: FABRIC,
    help: 'agents as in an unprivileged container: read-only file system, /proc/sys too, CAP_NET_ADMIN and CAP_NET_RAW only',
  },
  {
    name: 'claims',
    kind: 'string',
    default: 'annotations',
    placeholder: LAB_CLAIMS.join('|'),
    group: FABRIC,
    help: "what agents follow of each other: annotations of Nodes, or objects that a mirror completes ('vtepd mirror')",
  },
  {
    name: 'kube',
    kind: 'string',
    default: 'embedded',
    placeholder: KUBE_KINDS.join('|'),
    group: FABRIC,
    help: "the lab's own API server for Nodes, or kube-apiserver on etcd",
  },
  {
    name: 'kube-programs',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: FABRIC,
    help: 'where those two are built; without it: $VTEPD_KUBE_CACHE, else ~/.cache/vtepd-kube',
  },
  {
    name: 'scenario',
    kind: 'strings',
    placeholder: 'name',
    group: PLAY,
    help: `play only this one; may be repeated; none plays none. In this order: ${SCENARIO_NAMES.join(', ')}`,
  },
  { name: 'repeats', kind: 'int', default: 4, group: PLAY, help: `rebuilds of one-way, 1 to ${MAX_REPEATS}` },
  {
    name: 'unannounced',
    kind: 'int',
    default: 3,
    placeholder: 'seconds',
    group: PLAY,
    help: 'one-way first rebuilds once with an agent that cannot announce (without CAP_NET_RAW), and waits so long for traffic; 0: not',
  },
  {
    name: 'rest',
    kind: 'int',
    default: 0,
    placeholder: 'seconds',
    group: PLAY,
    help: 'at the end nothing is disturbed for so long: agents must stay ready, and log at most 3 lines a minute',
  },
  {
    name: 'keep',
    kind: 'bool',
    default: false,
    group: PLAY,
    help: 'leave it running afterwards and print how to look around; Ctrl-C ends it',
  },
  { name: 'verbose', kind: 'bool', default: false, group: OUTPUT, help: "the agents' logs as they come" },
  {
    name: 'json',
    kind: 'bool',
    default: false,
    group: OUTPUT,
    help: 'one JSON document on standard output; progress on standard error',
  },
  {
    name: 'html',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: OUTPUT,
    help: 'write all of it as one page: fabric, timelines, matrix, tables; needs no script and nothing from elsewhere',
  },
  {
    name: 'svg',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: OUTPUT,
    help: 'write the timeline of the one --scenario as a picture',
  },
] as const satisfies readonly FlagSpec[]

type LabFlags = FlagValues<typeof LAB_FLAGS>

const ABOUT = {
  name: 'vtepd lab',
  summary: `Builds a cluster's network on this machine, in private namespaces: nodes on one underlay, pods behind each, an API
server that holds their Node objects, one real 'vtepd run' per node. Then it damages node1's network in several ways
under UDP probes, one every 2 ms, and shows what vanished, when the agent acted and how long pods could not talk.`,
  footer: `Needs unshare and nsenter (util-linux), ip (iproute2), and root or user namespaces. Nothing on the host is changed.

Examples:
  vtepd lab
  vtepd lab --nodes 20 --dual --json

Exit status: 0 every pod reached every pod after each scenario, no agent ended or announced what is not its node's, and all
were quiet at rest; 1 not; 2 wrong flags.`,
} as const

export const LAB = { flags: LAB_FLAGS, about: ABOUT }

export type LabRequest =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly options: LabOptions }

/** Throws ConfigError naming the flag. */
export function parseLabArguments(argv: readonly string[]): LabRequest {
  const parsed = parseFlags(LAB.flags, argv, {}, LAB.about)
  if (parsed.help !== undefined) return { kind: 'help', text: parsed.help }
  const { values } = parsed
  const scenarios = scenariosOf(values.scenario, backendOf(values))
  if (values.svg !== '' && scenarios.length !== 1) throw new ConfigError('--svg', 'needs exactly one --scenario')
  return {
    kind: 'run',
    options: {
      nodes: countOf('nodes', values.nodes, 2, MAX_NODES),
      pods: countOf('pods', values.pods, 1, MAX_PODS),
      families: familiesOf(values),
      backend: backendOf(values),
      pinDevice: values['pin-device'],
      agentProgram: givenOf(values.agent),
      confined: values.confined,
      claims: claimsOf(values),
      keep: values.keep,
      verbose: values.verbose,
      json: values.json,
      kube: kubeOf(values),
      kubePrograms: givenOf(values['kube-programs']),
      html: givenOf(values.html),
      svg: givenOf(values.svg),
      scenarios,
      repeats: countOf('repeats', values.repeats, 1, MAX_REPEATS),
      unannouncedSeconds: countOf('unannounced', values.unannounced, 0, MAX_SECONDS),
      restSeconds: countOf('rest', values.rest, 0, MAX_SECONDS),
    },
  }
}

function givenOf(value: string): string | undefined {
  return value === '' ? undefined : value
}

function countOf(flag: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new ConfigError(`--${flag}`, `'${value}' is not a whole number from ${least} to ${most}`)
}

function familiesOf(flags: LabFlags): readonly Family[] {
  const [first, second] = (['ipv4', 'ipv6', 'dual'] as const).filter((name) => flags[name])
  if (second !== undefined)
    throw new ConfigError(`--${second}`, `cannot be combined with --${first}; for both families give --dual`)
  return first === 'dual' ? ['ipv4', 'ipv6'] : [first ?? 'ipv4']
}

function backendOf({ backend }: LabFlags): LabBackend {
  const known = LAB_BACKENDS.find((one) => one === backend)
  if (known === undefined)
    throw new ConfigError('--backend', `'${backend}' is unknown; known: ${LAB_BACKENDS.join(', ')}`)
  return known
}

function claimsOf({ claims }: LabFlags): LabClaims {
  const known = LAB_CLAIMS.find((one) => one === claims)
  if (known === undefined) throw new ConfigError('--claims', `'${claims}' is unknown; known: ${LAB_CLAIMS.join(', ')}`)
  return known
}

function kubeOf(flags: LabFlags): KubeKind {
  const kind = KUBE_KINDS.find((known) => known === flags.kube)
  if (kind === undefined) throw new ConfigError('--kube', `'${flags.kube}' is unknown; known: ${KUBE_KINDS.join(', ')}`)
  if (kind !== 'real' && flags['kube-programs'] !== '') throw new ConfigError('--kube-programs', 'is for --kube real')
  return kind
}

function scenariosOf(names: readonly string[], backend: LabBackend): readonly ScenarioName[] {
  const possible = SCENARIO_NAMES.filter((name) => backend === 'vxlan' || !DEVICE_SCENARIOS.includes(name))
  if (names.length === 0) return possible
  for (const name of names) {
    if (name === 'none' && names.length > 1) throw new ConfigError('--scenario', "'none' stands alone")
    if (name !== 'none' && !SCENARIO_NAMES.some((known) => known === name))
      throw new ConfigError('--scenario', `'${name}' is unknown; known: ${SCENARIO_NAMES.join(', ')}, none`)
  }
  const left = SCENARIO_NAMES.find((known) => names.includes(known) && !possible.includes(known))
  if (left !== undefined)
    throw new ConfigError('--scenario', `'${left}' damages the VXLAN device, which host-gw does not have`)
  return possible.filter((known) => names.includes(known))
}
