/**
 * Settings of this host that flannel, kube-proxy and the CNI plugins count on, which have defaults that cut pods off: which they
 * are, and whether a value will do. Pure. Must not: read or write any (lib/agent/host-settings.ts).
 */
import type { Family } from '../net/ip.ts'

export interface SysctlWish {
  /** With slashes. */
  readonly key: string
  readonly value: string
  /** What it is good for, behind a colon. */
  readonly because: string
  /** Without it no packet of a pod is forwarded. */
  readonly forwards: boolean
  /** Of a device of ours: nobody else is concerned. */
  readonly ours: boolean
  /** What is wrong and what to do where there is no such key; undefined: then there is nothing to set. */
  readonly missing: string | undefined
}

/** `device`: ours, where there is one. */
export function wantedSysctls(family: Family, device: string | undefined): readonly SysctlWish[] {
  const common = { value: '1', forwards: false, ours: false, missing: undefined }
  const forwarding = { ...common, forwards: true, because: "pods' packets are forwarded" }
  const bridge: SysctlWish = {
    ...common,
    key: `net/bridge/bridge-nf-call-${family === 'ipv4' ? 'iptables' : 'ip6tables'}`,
    because: 'a pod that reaches one of its own node through a service gets its answer back through it',
    missing:
      'the kernel module br_netfilter is not loaded: modprobe br_netfilter, and its name in /etc/modules-load.d for the next start',
  }
  if (family === 'ipv6') return [{ ...forwarding, key: 'net/ipv6/conf/all/forwarding' }, bridge]
  if (device === undefined) return [{ ...forwarding, key: 'net/ipv4/ip_forward' }, bridge]
  const own = (key: string): string => `net/ipv4/conf/${device}/${key}`
  return [
    { ...forwarding, key: 'net/ipv4/ip_forward' },
    { ...forwarding, key: own('forwarding'), ours: true },
    {
      ...common,
      key: own('rp_filter'),
      value: '2',
      because:
        'a packet may come by the device though its answer goes another way (DirectRouting, a change of back ends)',
      ours: true,
    },
    bridge,
  ]
}

/** `all`: the value of the same key of `all`, of which the kernel takes the greater one (Documentation/networking/ip-sysctl). */
export function willDo({ key, value }: SysctlWish, now: string, all: string | undefined): boolean {
  return key.endsWith('/rp_filter') ? Math.max(Number(now), Number(all ?? 0)) !== 1 : now === value
}

/** As `sysctl` takes it. Names of links may have dots: then only slashes are understood. */
export function sysctlName(key: string): string {
  return key.includes('.') ? key : key.replaceAll('/', '.')
}

/** The command, and how it lasts. */
export function sysctlRemedy({ key, value }: Pick<SysctlWish, 'key' | 'value'>): string {
  return `sysctl -w ${sysctlName(key)}=${value}, and in /etc/sysctl.d for the next start`
}
