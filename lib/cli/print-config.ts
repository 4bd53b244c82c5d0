/**
 * `vtepd run --print-config`: what the sources of settings come to, and which source each value is from. Pure.
 * Must not: show a credential; there is none among the settings, only where they are.
 */
import type { Network } from '../cluster/network.ts'
import { printable } from '../util/printable.ts'
import type { RunConfig } from './config.ts'
import type { FlagSpec, FlagValue } from './flag-spec.ts'
import { RUN_FLAGS, type RunFlagName } from './run-flags.ts'
import type { RunSettings } from './run-settings.ts'

interface Row {
  readonly name: RunFlagName
  readonly value: FlagValue
  /** undefined: the default. */
  readonly from: string | undefined
}

function rows({ flags, given }: RunSettings): readonly Row[] {
  const values: Readonly<Record<string, FlagValue>> = flags
  const names = RUN_FLAGS.filter((spec) => isShown(spec)).map((spec) => spec.name)
  return names.map((name) => ({ name, value: values[name] ?? '', from: given.get(name) }))
}

function isShown({ notInFile = false, hidden = false }: FlagSpec): boolean {
  return !notInFile && !hidden
}

/** A config file: what was given stands in it with its source, what was not in comments. */
export function printText(settings: RunSettings, config: RunConfig): string {
  const all = rows(settings)
  const found = all.filter(({ name, from }) => from !== undefined && from === byK3s(settings, name))
  const given = all.filter((row) => row.from !== undefined && !found.includes(row))
  const defaults = all.filter(({ from, value }) => from === undefined && value !== '' && !isEmptyList(value))
  const { nodeName, nodeNameFrom } = nodeOf(settings, config)
  const lines = [
    '# vtepd run, as a config file (docs/config-file.md): what is given, and by what.',
    ...given.map(({ name, value, from }) => `${name}: ${JSON.stringify(value)}  # ${from}`),
    ...(found.length === 0 ? [] : ['# Found with --k3s, anew at each start:']),
    ...found.map(({ name, value, from }) => `#${name}: ${JSON.stringify(value)}  # ${from}`),
    '# Defaults:',
    ...defaults.map(({ name, value }) => `#${name}: ${JSON.stringify(value)}`),
    '# Beside the flags:',
    `# NODE_NAME=${nodeName} (${nodeNameFrom})`,
    `# network: ${describe(config.agent.network)}`,
    ...(settings.k3s?.found ?? []).map((sentence) => `# k3s: ${sentence}`),
    ...config.warnings.map((warning) => `# warning: ${warning}`),
  ]
  return `${lines.map((line) => printable(line)).join('\n')}\n`
}

/** What `--print-config --json` prints. */
export interface ConfigReport {
  /** By name; `from`: what gave the value, as `--iface`, `FLANNELD_IFACE`, or `default`. */
  readonly flags: Readonly<Record<string, { readonly value: FlagValue; readonly from: string }>>
  readonly nodeName: { readonly value: string; readonly from: string }
  /** Of net-conf. */
  readonly network: Network
  /** null: without --k3s. */
  readonly k3s: { readonly found: readonly string[] } | null
  readonly warnings: readonly string[]
}

export function configReport(settings: RunSettings, config: RunConfig): ConfigReport {
  const { nodeName, nodeNameFrom } = nodeOf(settings, config)
  return {
    flags: Object.fromEntries(rows(settings).map(({ name, value, from = 'default' }) => [name, { value, from }])),
    nodeName: { value: nodeName, from: nodeNameFrom },
    network: config.agent.network,
    k3s: settings.k3s === undefined ? null : { found: settings.k3s.found },
    warnings: config.warnings,
  }
}

function byK3s({ k3s }: RunSettings, name: RunFlagName): string | undefined {
  return k3s?.flags.get(name)?.by
}

function isEmptyList(value: FlagValue): boolean {
  return Array.isArray(value) && value.length === 0
}

function nodeOf(settings: RunSettings, { agent }: RunConfig): { nodeName: string; nodeNameFrom: string } {
  const { leases } = agent
  if (leases.kind !== 'kube') return { nodeName: leases.nodeName, nodeNameFrom: settings.nodeNameFrom }
  if ('name' in leases.node) return { nodeName: leases.node.name, nodeNameFrom: settings.nodeNameFrom }
  return { nodeName: '', nodeNameFrom: `asked of the pod ${leases.node.podNamespace}/${leases.node.pod}` }
}

function describe({ ipv4, ipv6, backend }: Network): string {
  const networks = [ipv4, ipv6].filter((network) => network !== undefined).join(' and ')
  return `${networks}, ${JSON.stringify(backend)}`
}
