/**
 * What can be asked of the lab; lib/cli/lab-flags.ts makes it of arguments. Data only.
 * Must not: know how a scenario is carried out.
 */
import type { Family } from '../net/ip.ts'

/** In the order in which the lab plays them. */
export const SCENARIO_NAMES = [
  'issue-2433',
  'device-deleted',
  'neighbours-flushed',
  'mac-changed',
  'api-server-away',
  'one-way',
] as const
export type ScenarioName = (typeof SCENARIO_NAMES)[number]

/** One /24 (and one /64) a node, 10.42.1 to 10.42.250: the addressing plan ends there. */
export const MAX_NODES = 250
export const MAX_PODS = 100
export const MAX_REPEATS = 1000
export const MAX_SECONDS = 3600

export interface LabOptions {
  readonly nodes: number
  /** Per node. */
  readonly pods: number
  readonly families: readonly Family[]
  readonly backend: LabBackend
  readonly pinDevice: boolean
  /** Another vtepd, which the agents are; undefined: this one. */
  readonly agentProgram: string | undefined
  /** Agents as in an unprivileged container: read-only file system, two capabilities (lib/lab/agent-walls). */
  readonly confined: boolean
  /** What agents follow of each other; with `objects` a mirror runs beside the API server. */
  readonly claims: LabClaims
  /** Leave the fabric running until a signal comes. */
  readonly keep: boolean
  readonly verbose: boolean
  readonly json: boolean
  /** Files for the page, and for the picture of the one scenario; undefined: none. */
  readonly html: string | undefined
  readonly svg: string | undefined
  readonly kube: KubeKind
  /** Where the real programs are; undefined: where `npm run test:kube` puts them. */
  readonly kubePrograms: string | undefined
  /** Empty: bring up and matrix only. */
  readonly scenarios: readonly ScenarioName[]
  /** Rebuilds of `one-way`. */
  readonly repeats: number
  /** So long `one-way` waits for traffic after a rebuild that nobody announces; 0: there is none. */
  readonly unannouncedSeconds: number
  /** So long nothing is disturbed at the end, while it is counted what the agents say; 0: not at all. */
  readonly restSeconds: number
}

/** What carries packets between the nodes. */
export const LAB_BACKENDS = ['vxlan', 'host-gw'] as const
export type LabBackend = (typeof LAB_BACKENDS)[number]

/** They damage the VXLAN device, which host-gw does not have. */
export const DEVICE_SCENARIOS: readonly ScenarioName[] = ['device-deleted', 'neighbours-flushed', 'mac-changed']

export const LAB_CLAIMS = ['annotations', 'objects'] as const
export type LabClaims = (typeof LAB_CLAIMS)[number]

/** The lab's own API server for Nodes, or kube-apiserver and etcd. */
export const KUBE_KINDS = ['embedded', 'real'] as const
export type KubeKind = (typeof KUBE_KINDS)[number]
