/** Whether k3s' own flannel is off, as its settings say; else the refusal, with what to set. Pure. */
import { ConfigError } from '../../errors.ts'
import type { K3sSettings, Told } from './settings.ts'

/** What k3s knew once or knows, and vtepd has not. */
const OTHERS: ReadonlyMap<string, string> = new Map([
  ['host-gw', ''],
  ['vxlan', ''],
  ['wireguard-native', ', which encrypts and vtepd does not'],
  ['wireguard', ', which k3s has no more'],
  ['ipsec', ', which k3s has no more'],
  ['tailscale', ', which vtepd has not'],
  ['udp', ', which k3s has not'],
])

/**
 * Throws ConfigError unless it is `none`, or `force`. Options behind an equals sign, as old versions of k3s took them, do not matter.
 * An agent is told by its server, so there is nothing to see; that its flannel runs is seen when the agent starts (lib/host/rival.ts).
 */
export function refuseFlannel(
  settings: K3sSettings,
  role: 'server' | 'agent',
  force: boolean,
): { readonly found: readonly string[]; readonly warnings: readonly string[] } {
  const none = settings.on('no-flannel')
  const told = settings.text('flannel-backend')
  const off = backendOf(told) === 'none' ? told : none?.value === true ? none : undefined
  const joined = settings.text('server')
  if (off !== undefined) {
    const others = joined === undefined ? '' : `, first of all ${joined.value}, with which this one compares itself`
    return {
      found: [
        `k3s' own flannel is off (${off.from}); agents take that from their server; all servers must agree${others}`,
      ],
      warnings: [],
    }
  }
  if (role === 'agent')
    return {
      found: [
        `whether k3s' own flannel is off this agent is told by its server${joined === undefined ? '' : `, ${joined.value}`}: flannel-backend: none has to stand there`,
      ],
      warnings: [],
    }
  const sentence = refusal(told)
  if (!force) throw new ConfigError(told?.from ?? '--k3s', sentence)
  return { found: [], warnings: [`${sentence} (started because of --force)`] }
}

function backendOf(told: Told<string> | undefined): string {
  return (told?.value ?? 'vxlan').split('=', 1)[0]?.trim().toLowerCase() ?? ''
}

function refusal(told: Told<string> | undefined): string {
  const backend = backendOf(told)
  const remark = OTHERS.get(backend)
  const what =
    remark === undefined
      ? `'${backend}' is no backend of k3s`
      : `k3s runs its own flannel (${told === undefined ? 'by default ' : ''}${backend}${remark})`
  return `${what}: set "flannel-backend: none" in /etc/rancher/k3s/config.yaml of every server, restart k3s on the servers, then on the agents (docs/k3s.md); "disable-network-policy: true" only where network policies are not wanted`
}
