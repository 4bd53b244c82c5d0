/**
 * Every flag of `vtepd run`: flanneld's, with flanneld's names and defaults (flannel-contract 2), then vtepd's own.
 * Data only; lib/cli/config.ts gives it meaning and docs/flags.md tells the rest (a test compares the two).
 */

import type { FlagSpec, FlagValues } from './flag-spec.ts'
import { logFlags } from './log-flags.ts'
import { runDirFlag } from './run-dir-flag.ts'

const SETTINGS = 'Where settings come from'
const SOURCE = 'Where leases come from'
const UNDERLAY = 'Which interface carries the overlay'
const FILTER = 'Packet filter'
const FILES = 'Files'
const HOST = 'Settings of this host'
const MESH = 'Probes between nodes'
const CLUSTER = 'What is told to others'
const LOGS = 'Health and logs'
const IGNORED = 'Accepted for command lines that exist, without effect'
const REFUSED = 'Of flanneld, not supported'

const unsupported = (name: string) =>
  ({
    name,
    kind: 'string',
    default: '',
    group: REFUSED,
    help: 'the etcd subnet manager is not supported',
    hidden: true,
  }) as const

export const RUN_FLAGS = [
  {
    name: 'config',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: SETTINGS,
    help: 'JSON or YAML, whose keys are the flags here; a flag and its variable go before the file',
    notInFile: true,
  },
  {
    name: 'k3s',
    kind: 'bool',
    default: false,
    group: SETTINGS,
    help: 'find everything that is not given on this host of k3s, whose own flannel is off; say what was found',
  },
  {
    name: 'print-config',
    kind: 'bool',
    default: false,
    group: SETTINGS,
    help: 'print what would be used and from where each value is, as a config file, and end; needs no privilege',
    notInFile: true,
  },
  {
    name: 'dry-run',
    kind: 'bool',
    default: false,
    group: SETTINGS,
    help: 'say what would be programmed and changed, and end: kernel, files and API are read, nothing is written; 0 nothing to change, 1 something, or not all is known',
    notInFile: true,
  },
  {
    name: 'json',
    kind: 'bool',
    default: false,
    group: SETTINGS,
    help: '--print-config or --dry-run as one JSON object',
    notInFile: true,
  },

  {
    name: 'leases',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: SOURCE,
    help: 'take the nodes from this JSON or YAML file, and follow it, instead of Kubernetes',
  },
  {
    name: 'kubeconfig-file',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: SOURCE,
    help: 'how to reach the API server; waited for until it exists; without it: in-cluster',
  },
  {
    name: 'kube-api-url',
    kind: 'string',
    default: '',
    placeholder: 'url',
    group: SOURCE,
    help: 'API server to use instead of the one in the kubeconfig',
  },
  {
    name: 'watch',
    kind: 'string',
    default: 'nodes',
    placeholder: 'nodes|metadata',
    group: SOURCE,
    help: 'what is followed after everything was listed: whole Nodes, or their metadata alone (large clusters)',
  },
  {
    name: 'claims',
    kind: 'string',
    default: 'auto',
    placeholder: 'auto|annotations|objects',
    group: SOURCE,
    help: "what is followed of other nodes: small objects (vtepd mirror), their Nodes' annotations, or the former where a mirror lives",
  },
  {
    name: 'net-config-path',
    kind: 'string',
    default: '/etc/kube-flannel/net-conf.json',
    placeholder: 'file',
    group: SOURCE,
    help: 'the network and its backend; followed while it runs',
  },

  {
    name: 'iface',
    kind: 'strings',
    placeholder: 'name|ip',
    group: UNDERLAY,
    help: 'interface by name or address; may be repeated, the first that exists is taken',
  },
  {
    name: 'iface-regex',
    kind: 'strings',
    placeholder: 'regex',
    group: UNDERLAY,
    help: 'interface by pattern, addresses first, then names; may be repeated',
  },
  {
    name: 'iface-can-reach',
    kind: 'string',
    default: '',
    placeholder: 'ip',
    group: UNDERLAY,
    help: 'the interface that reaches this address',
  },
  {
    name: 'iface-fallback-after',
    kind: 'int',
    default: 30,
    placeholder: 'seconds',
    group: UNDERLAY,
    help: "how long this node's address may be away before another one that is there is used",
  },
  {
    name: 'public-ip',
    kind: 'string',
    default: '',
    placeholder: 'ip',
    group: UNDERLAY,
    help: 'IPv4 address at which other nodes reach this one',
  },
  {
    name: 'public-ipv6',
    kind: 'string',
    default: '',
    placeholder: 'ip',
    group: UNDERLAY,
    help: 'IPv6 address at which other nodes reach this one',
  },
  {
    name: 'pin-device',
    kind: 'bool',
    default: false,
    group: UNDERLAY,
    help: 'tie the VXLAN device to its interface as flanneld does (needed in a VRF); it then dies with that interface',
  },
  {
    name: 'tx-checksum-offload',
    kind: 'string',
    default: 'auto',
    placeholder: 'auto|on|off',
    group: UNDERLAY,
    help: 'whether the VXLAN device leaves checksums to the network card; auto: off where that is known to be broken',
  },
  {
    name: 'ip-blackhole-route',
    kind: 'bool',
    default: false,
    group: UNDERLAY,
    help: "a blackhole route for this node's own podCIDR: what is for no pod goes nowhere",
  },
  {
    name: 'force',
    kind: 'bool',
    default: false,
    group: UNDERLAY,
    help: 'start although flanneld, or the flannel inside k3s, runs in this network namespace',
  },

  {
    name: 'ip-masq',
    kind: 'bool',
    default: false,
    group: FILTER,
    help: 'masquerade what leaves the network; recorded in subnet.env',
  },
  {
    name: 'ip-masq-fully-random-disable',
    kind: 'bool',
    default: false,
    group: FILTER,
    help: 'masqueraded connections keep their ports where they can',
  },
  {
    name: 'iptables-forward-rules',
    kind: 'bool',
    default: true,
    group: FILTER,
    help: 'accept what is forwarded from and to the network, in nftables too',
  },
  {
    name: 'firewall',
    kind: 'string',
    default: 'auto',
    placeholder: 'auto|nftables|iptables|none',
    group: FILTER,
    help: "where rules are kept; auto: as net-conf's EnableNFTables, kube-proxy and the host have it; none: no rule is touched",
  },
  {
    name: 'nft-rules',
    kind: 'string',
    default: 'corrected',
    placeholder: 'corrected|flannel',
    group: FILTER,
    help: "which rules nftables gets: flannel's with its mistakes repaired, or to the letter",
  },
  {
    name: 'vxlan-allow',
    kind: 'string',
    default: 'all',
    placeholder: 'all|known',
    group: FILTER,
    help: 'who may send to the VXLAN port: everybody, or only the underlay addresses of known nodes (needs nft)',
  },
  {
    name: 'iptables-resync',
    kind: 'int',
    default: 5,
    placeholder: 'seconds',
    group: FILTER,
    help: 'when given: how often rules are looked at although nobody was heard to touch them; else once a minute',
  },

  {
    name: 'subnet-file',
    kind: 'string',
    default: '/run/flannel/subnet.env',
    placeholder: 'file',
    group: FILES,
    help: 'what the flannel CNI plugin reads',
  },
  {
    name: 'cni',
    kind: 'string',
    default: 'none',
    placeholder: 'none|flannel|k3s|bridge',
    group: FILES,
    help: "keep the container runtime's CNI configuration: flannel's, k3s' form of it, one for the bridge plugin alone, or none",
  },
  {
    name: 'cni-conf-dir',
    kind: 'string',
    default: '/etc/cni/net.d',
    placeholder: 'dir',
    group: FILES,
    help: 'where the container runtime looks for it',
  },
  {
    name: 'cni-conf-name',
    kind: 'string',
    default: '10-flannel.conflist',
    placeholder: 'name',
    group: FILES,
    help: 'its file; the runtime takes the first of its folder',
  },
  {
    name: 'state-dir',
    kind: 'string',
    default: '/var/lib/vtepd',
    placeholder: 'dir',
    group: FILES,
    help: 'what outlives a reboot',
  },
  runDirFlag(FILES, "its socket, at which vtepd status and the like ask; '' for none"),

  {
    name: 'mesh-rate',
    kind: 'int',
    default: 5,
    placeholder: 'probes',
    group: MESH,
    help: 'probes a second of this node, whatever the number of nodes; 0: none, and those of others are not answered',
  },
  {
    name: 'mesh-port',
    kind: 'int',
    default: 8473,
    placeholder: 'port',
    group: MESH,
    help: 'UDP port of probes, over the overlay and between underlay addresses; the same on all nodes',
  },

  {
    name: 'host-sysctls',
    kind: 'string',
    default: 'set',
    placeholder: 'set|warn',
    group: HOST,
    help: 'whether forwarding and bridge netfilter, which pods need, are switched on, or named where they are off',
  },

  {
    name: 'kube-annotation-prefix',
    kind: 'string',
    default: 'flannel.alpha.coreos.com',
    placeholder: 'prefix',
    group: CLUSTER,
    help: 'prefix of the annotations of Node objects',
  },
  {
    name: 'publish-kubeconfig',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: CLUSTER,
    help: "by whose credential our own Node is written; without it, with --kubeconfig-file: by the kubelet's of this host",
  },
  {
    name: 'set-node-network-unavailable',
    kind: 'bool',
    default: true,
    group: CLUSTER,
    help: 'set the Node condition NetworkUnavailable to False',
  },
  {
    name: 'events',
    kind: 'bool',
    default: true,
    group: CLUSTER,
    help: 'tell faults that last, and the device made anew, as Events on our own Node',
  },

  {
    name: 'healthz-ip',
    kind: 'string',
    default: '0.0.0.0',
    placeholder: 'ip',
    group: LOGS,
    help: 'address of the health server; 0.0.0.0 and :: mean every address of both families',
  },
  {
    name: 'healthz-port',
    kind: 'int',
    default: 0,
    placeholder: 'port',
    group: LOGS,
    help: 'port of /healthz, /readyz and /metrics; 0: no health server',
  },
  {
    name: 'metrics-bind-address',
    kind: 'string',
    default: '',
    placeholder: 'ip:port',
    group: LOGS,
    help: 'where /metrics alone is served too, as :8082 on every address',
  },
  ...logFlags(LOGS),
  {
    name: 'v',
    kind: 'int',
    default: 0,
    placeholder: 'level',
    group: LOGS,
    help: "klog's verbosity: 2 and more mean debug, unless --log-level is given",
  },
  {
    name: 'version',
    kind: 'bool',
    default: false,
    group: LOGS,
    help: 'print the version on stdout and end',
    notInFile: true,
  },

  { name: 'kube-subnet-mgr', kind: 'bool', default: false, group: IGNORED, help: 'Kubernetes is the default here' },
  {
    name: 'subnet-lease-renew-margin',
    kind: 'int',
    default: 60,
    placeholder: 'minutes',
    group: IGNORED,
    help: 'leases of Kubernetes do not expire',
  },
  {
    name: 'vmodule',
    kind: 'string',
    default: '',
    placeholder: 'pattern',
    group: IGNORED,
    help: "klog's, without effect",
  },
  {
    name: 'log_backtrace_at',
    kind: 'string',
    default: '',
    placeholder: 'file:line',
    group: IGNORED,
    help: "klog's, without effect",
  },

  unsupported('etcd-endpoints'),
  unsupported('etcd-prefix'),
  unsupported('etcd-keyfile'),
  unsupported('etcd-certfile'),
  unsupported('etcd-cafile'),
  unsupported('etcd-username'),
  unsupported('etcd-password'),
] as const satisfies readonly FlagSpec[]

export type RunFlagName = (typeof RUN_FLAGS)[number]['name']
export type RunFlags = FlagValues<typeof RUN_FLAGS>

export const RUN_ABOUT = {
  name: 'vtepd run',
  summary: `Keeps this node's VXLAN overlay as it should be, until it is told to end (SIGINT, SIGTERM; everything stays in the kernel).
Flags are flanneld's: one dash or two, --flag=value or --flag value; a boolean takes its value only with an equals sign.`,
  footer: `Environment:
  NODE_NAME                   name of this node; without it, with Kubernetes: POD_NAME and POD_NAMESPACE
  FLANNELD_<FLAG>             sets a flag that is not given: FLANNELD_IFACE=eth1, FLANNELD_IP_MASQ=true
  NOTIFY_SOCKET               set by systemd: it is told that the agent runs, then how the overlay is

Examples:
  In a DaemonSet, in place of flanneld, with the same arguments:
    vtepd --ip-masq --kube-subnet-mgr --healthz-port=8081
  On a host of k3s (docs/k3s.md), first to look:
    vtepd run --k3s --print-config
  As a service of the host:
    NODE_NAME=worker1 vtepd run --kubeconfig-file /etc/vtepd/kubeconfig
  Without Kubernetes:
    NODE_NAME=a vtepd run --leases nodes.yaml --net-config-path net-conf.json

flanneld's --etcd-… flags are refused: there is no etcd subnet manager here.
Exit status: 0 told to end, 1 could not go on, 2 wrong flags or configuration (nothing was touched).`,
} as const
