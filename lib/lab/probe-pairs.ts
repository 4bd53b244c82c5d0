/**
 * Who probes whom: directed pairs of endpoints, for the matrix and for a scenario. Pure.
 * Must not: send anything.
 */
import { type Family, familyOf, type Ip } from '../net/ip.ts'
import type { LabPlan, NodePlan } from './address-plan.ts'

/** A namespace and an address in it. */
export interface Endpoint {
  /** Name of the namespace that holds the socket. */
  readonly netns: string
  readonly node: string
  readonly ip: Ip
}

export interface ProbePair {
  /** `overlay`: pod to pod; `underlay`: node to node, what the network itself did in the same run. */
  readonly layer: 'overlay' | 'underlay'
  readonly family: Family
  readonly from: Endpoint
  readonly to: Endpoint
}

/** Every pod to every other pod, both directions, each family; pods of one node included. */
export function matrixPairs(plan: LabPlan): ProbePair[] {
  const pods = plan.nodes.flatMap((node) => node.pods)
  return pods.flatMap((from) =>
    pods.filter((to) => to !== from).flatMap((to) => pairsBetween('overlay', podEndpoints(from), podEndpoints(to))),
  )
}

/** So many other nodes are probed from the victim while a scenario runs: beyond that the probes would load the machine. */
export const PROBED_PEERS = 4

/** The first pod of `victim` with the first pods of a few other nodes, and the same over the underlay; both directions. */
export function scenarioPairs(plan: LabPlan, victim: NodePlan): ProbePair[] {
  const peers = plan.nodes.filter((node) => node.name !== victim.name).slice(0, PROBED_PEERS)
  return peers.flatMap((peer) => [
    ...bothWays('overlay', firstPodEndpoints(victim), firstPodEndpoints(peer)),
    ...bothWays('underlay', nodeEndpoints(victim), nodeEndpoints(peer)),
  ])
}

/** Two undamaged nodes, if there are two: they must not notice anything. */
export function bystanderPairs(plan: LabPlan, victim: NodePlan): ProbePair[] {
  const [a, b] = plan.nodes.filter((node) => node.name !== victim.name)
  return a === undefined || b === undefined ? [] : bothWays('overlay', firstPodEndpoints(a), firstPodEndpoints(b))
}

/** The namespaces in which the pairs need a socket, each once. */
export function netnsOf(pairs: readonly ProbePair[]): string[] {
  return [...new Set(pairs.flatMap((pair) => [pair.from.netns, pair.to.netns]))]
}

/** The same nodes, family and direction over the underlay. */
export function underlayTwin(pair: ProbePair, pairs: readonly ProbePair[]): number {
  return pairs.findIndex(
    (other) =>
      other.layer === 'underlay' &&
      other.family === pair.family &&
      other.from.node === pair.from.node &&
      other.to.node === pair.to.node,
  )
}

function bothWays(layer: ProbePair['layer'], a: readonly Endpoint[], b: readonly Endpoint[]): ProbePair[] {
  return [...pairsBetween(layer, a, b), ...pairsBetween(layer, b, a)]
}

function pairsBetween(layer: ProbePair['layer'], from: readonly Endpoint[], to: readonly Endpoint[]): ProbePair[] {
  return from.flatMap((source) =>
    to
      .filter((target) => familyOf(target.ip) === familyOf(source.ip))
      .map((target) => ({ layer, family: familyOf(source.ip), from: source, to: target })),
  )
}

function podEndpoints(pod: NodePlan['pods'][number]): Endpoint[] {
  return pod.addresses.map((ip) => ({ netns: pod.name, node: pod.node, ip }))
}

function firstPodEndpoints(node: NodePlan): Endpoint[] {
  const [pod] = node.pods
  return pod === undefined ? [] : podEndpoints(pod)
}

function nodeEndpoints(node: NodePlan): Endpoint[] {
  return node.underlay.map((ip) => ({ netns: node.name, node: node.name, ip }))
}
