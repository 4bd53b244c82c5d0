/**
 * The list of CNI plugins that the container runtime calls for each pod: flannel's and k3s' texts byte for byte
 * (flannel-contract 8), and one of our own that needs no plugin but those of containernetworking/plugins. Pure.
 * Must not: write files (lib/agent/cni-files.ts, lib/cli/cni).
 */
import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../util/go-json.ts'
import type { SubnetEnv } from './subnet-env.ts'

/**
 * `flannel`: for the flannel plugin, as flannel's ConfigMap has it; `k3s`: the same as k3s writes it; `bridge`: without that
 * plugin, what it would make of subnet.env.
 */
export type ConflistKind = 'flannel' | 'k3s' | 'bridge'

export const CONFLIST_KINDS = ['flannel', 'k3s', 'bridge'] as const satisfies readonly ConflistKind[]

/** Programs that the runtime needs in its folder of plugins; `loopback` is called by the runtime itself. */
export const PLUGINS: Readonly<Record<ConflistKind, readonly string[]>> = {
  flannel: ['flannel', 'bridge', 'host-local', 'portmap', 'loopback'],
  k3s: ['flannel', 'bridge', 'host-local', 'portmap', 'bandwidth', 'loopback'],
  bridge: ['bridge', 'host-local', 'portmap', 'loopback'],
}

/** host-local keeps its addresses under this name, so it is the same for all: none is given twice after a change of kind. */
const NAME = 'cbr0'
const PORTMAP = { type: 'portmap', capabilities: { portMappings: true } }
const BANDWIDTH = { type: 'bandwidth', capabilities: { bandwidth: true } }
/** Plugins that make the pod's interface: one of them stands in a list. */
const MAIN = ['flannel', 'bridge']

/** The whole text. `env` matters to `bridge` alone, which cannot be without; at least one family is present. */
export function renderConflist(kind: 'flannel' | 'k3s', env?: SubnetEnv): string
export function renderConflist(kind: ConflistKind, env: SubnetEnv): string
export function renderConflist(kind: ConflistKind, env: SubnetEnv | undefined): string | undefined
export function renderConflist(kind: ConflistKind, env?: SubnetEnv): string | undefined {
  if (kind === 'bridge')
    return env && pretty({ name: NAME, cniVersion: '0.3.1', plugins: [bridgePlugin(env), PORTMAP] })
  if (kind === 'flannel') {
    const delegate = { hairpinMode: true, isDefaultGateway: true }
    return pretty({ name: NAME, cniVersion: '0.3.1', plugins: [{ type: 'flannel', delegate }, PORTMAP] })
  }
  const delegate = { hairpinMode: true, forceAddress: true, isDefaultGateway: true }
  const text = pretty({ name: NAME, cniVersion: '1.0.0', plugins: [{ type: 'flannel', delegate }, PORTMAP, BANDWIDTH] })
  return text.replaceAll('": ', '":')
}

/**
 * As the flannel plugin hands over to the bridge plugin, whose own name for the bridge is cni0. isDefaultGateway gives each
 * family its default route. forceAddress: a Node that was made anew has another podCIDR, which the bridge then takes on.
 */
function bridgePlugin({ ipv4, ipv6, ipMasq }: SubnetEnv): object {
  const families = [ipv4, ipv6].filter((family) => family !== undefined)
  return {
    type: 'bridge',
    bridge: 'cni0',
    mtu: Math.min(...families.map(({ mtu }) => mtu)),
    isGateway: true,
    isDefaultGateway: true,
    hairpinMode: true,
    forceAddress: true,
    ipMasq: !ipMasq,
    ipam: {
      type: 'host-local',
      ranges: families.map(({ subnet }) => [{ subnet }]),
      routes: families.map(({ network }) => ({ dst: network })),
    },
  }
}

/**
 * What is to stand in the file, given what does: `wanted`, and behind its plugins those that others have chained (istio-cni,
 * linkerd-cni, tuning), which would come back at once if they were taken out. A text that has it all stays as it is.
 */
export function keepConflist(now: string | undefined, wanted: string): string {
  const present = parseList(now)
  const ours = parseList(wanted)
  if (now === undefined || present === undefined || ours === undefined || present.name !== ours.name) return wanted
  const types = ours.plugins.map(({ type }) => type)
  const chained = present.plugins.filter(({ type }) => !types.includes(type) && !MAIN.includes(String(type)))
  if (chained.length === 0) return wanted
  const places = types.map((type) => present.plugins.findIndex((plugin) => plugin.type === type))
  const inOrder = places.every((place, index) => place > (places[index - 1] ?? -1))
  const plugins =
    inOrder && present.plugins.length === ours.plugins.length + chained.length
      ? present.plugins.map((plugin) => ours.plugins.find(({ type }) => type === plugin.type) ?? plugin)
      : [...ours.plugins, ...chained]
  const merged = { ...present, plugins }
  return isDeepStrictEqual(merged, present) ? now : pretty(merged)
}

type Plugin = Readonly<Record<string, unknown>>

function parseList(
  text: string | undefined,
): { readonly name?: unknown; readonly plugins: readonly Plugin[] } | undefined {
  try {
    const list: unknown = JSON.parse(text ?? '')
    if (!isRecord(list) || !Array.isArray(list.plugins) || !list.plugins.every(isRecord)) return undefined
    return { ...list, plugins: list.plugins }
  } catch {
    return undefined
  }
}

/** The runtime takes other endings for a single plugin's configuration, or not at all. */
export function isConflistName(name: string): boolean {
  return /^[^/\0]+\.conflist$/.test(name)
}

/** Of the names in the runtime's folder those of configurations that it takes rather than `own`: it goes by their order. */
export function conflistsBefore(names: readonly string[], own: string): readonly string[] {
  return names.filter((name) => /\.(?:conf|conflist|json)$/.test(name) && name < own).sort()
}

function pretty(list: object): string {
  return `${JSON.stringify(list, null, 2)}\n`
}
