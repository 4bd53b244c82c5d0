/**
 * Everything an agent is told at start, already checked: what lib/cli makes of flags, environment and net-conf, and what
 * a program that imports vtepd writes by hand. Must not: read any of them itself.
 */

import type { Network } from '../cluster/network.ts'
import type { ChecksumOffload } from '../device/checksum.ts'
import type { FilterKind, RuleStyle } from '../firewall/port.ts'
import type { LeaseSource } from '../leases/custom-port.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { ConflistConfig } from './cni-files.ts'
import type { MeshConfig } from './mesh-watch.ts'

export interface AgentConfig {
  readonly network: Network
  /**
   * The file that `network` was read from, which is followed from then on; undefined: it stays as it is. `pinDevice` counts
   * beside what the file says.
   */
  readonly netConf?: { readonly path: string; readonly pinDevice: boolean } | undefined
  readonly underlayChoice: UnderlayChoice
  /** Where subnet.env is written, e.g. /run/flannel/subnet.env. */
  readonly subnetFile: string
  /** The conflist that is kept for the container runtime; undefined: others install it, as flannel's init containers do. */
  readonly conflist?: ConflistConfig | undefined
  /** What pods send out of the network is masqueraded by our rules; else, as subnet.env says, by the CNI plugin. */
  readonly ipMasq: boolean
  /** false: `ipMasq` is about IPv4 alone, as in k3s unless flannel-ipv6-masq is set. Default: about both families. */
  readonly ipv6Masquerade?: boolean
  /** What is forwarded from and to the network is accepted, in nftables too. */
  readonly iptablesForwardRules: boolean
  /** Who makes the checksums of what the VXLAN device sends. Default: auto. */
  readonly txChecksumOffload?: ChecksumOffload
  /** Default: as every field's default. */
  readonly firewall?: FirewallConfig
  /** Whether settings of this host that pods need are set (default) or only named. */
  readonly hostSysctls?: 'set' | 'warn' | undefined
  /** A blackhole route for our own subnet, so that what leads to no pod goes nowhere. Default: none. */
  readonly ipBlackholeRoute?: boolean
  /** What outlives a reboot, e.g. /var/lib/vtepd. */
  readonly stateDir: string
  /** Where the socket is at which `vtepd status` asks; undefined: there is none. */
  readonly runDir?: string | undefined
  /** undefined: no health server (flannel's default). `port` 0 never occurs here. */
  readonly health: { readonly ip: string; readonly port: number } | undefined
  /** Whether what an operator must know is told as Events on our own Node; default: true. With Kubernetes only. */
  readonly events?: boolean
  /** Where the metrics alone are served; default: at the health server only. */
  readonly metrics?: { readonly ip: string; readonly port: number }
  /** Where the flannel inside k3s writes its network at its start, by which it is recognised; default: k3s' default. */
  readonly k3sNetConf?: string
  /** How peers are probed; undefined: they are not, nor are their probes answered. */
  readonly mesh?: MeshConfig | undefined
  /** Start although another program (flanneld, the flannel inside k3s) keeps the device. */
  readonly force: boolean
  readonly leases: FileLeasesConfig | KubeLeasesConfig | CustomLeasesConfig
}

export interface FirewallConfig {
  /** `auto` (default): lib/firewall/choice.ts. `none`: no rule is made, removed or looked at. */
  readonly mode?: 'auto' | FilterKind | 'none'
  /** Default: corrected. */
  readonly style?: RuleStyle
  /** Default: true. */
  readonly fullyRandom?: boolean
  /** How often rules are looked at although nothing was heard of them, milliseconds; default: a minute. */
  readonly auditMs?: number | undefined
  /** Who may reach the VXLAN port: everybody (default), or only the underlay addresses of known peers. Needs nft. */
  readonly vxlanAllow?: 'all' | 'known'
}

export interface FileLeasesConfig {
  readonly kind: 'file'
  readonly path: string
  readonly nodeName: string
}

/** Brought by the program around the agent. */
export interface CustomLeasesConfig {
  readonly kind: 'custom'
  readonly source: LeaseSource
  readonly nodeName: string
}

export interface KubeLeasesConfig {
  readonly kind: 'kube'
  /** undefined: in-cluster. */
  readonly kubeconfigFile: string | undefined
  /** Further kubeconfigs: Nodes are read by the first, from `kubeconfigFile` on, that may list them. */
  readonly readers?: readonly string[]
  /** Published instead of the underlay's address, and of what the annotation public-ip(v6)-overwrite says: k3s' node-external-ip. */
  readonly publishInstead?: Readonly<Partial<Record<Family, Ip>>>
  /** Overrides the server of every kubeconfig. */
  readonly apiUrl: string | undefined
  /** As given, e.g. flannel.alpha.coreos.com; the codec derives the keys. */
  readonly annotationPrefix: string
  readonly setNodeNetworkUnavailable: boolean
  /**
   * Who writes our own Node: whoever reads (default); this host's kubelet, where its credential is found, never to be given in a
   * pod; or whose kubeconfig it is.
   */
  readonly publisher?: 'reader' | 'kubelet' | { readonly kubeconfigFile: string }
  /** What is followed after a list; metadata alone spares the API server and us most of every heartbeat. Default: nodes. */
  readonly watch?: 'nodes' | 'metadata'
  /** Whether claims as objects are followed instead of Nodes, and written; undefined: annotations alone. */
  readonly claims?: 'auto' | 'objects'
  /** From NODE_NAME; else the pod whose spec.nodeName says it. */
  readonly node: { readonly name: string } | { readonly pod: string; readonly podNamespace: string }
}
