/**
 * The flags of `k3s server` and `k3s agent` that concern the overlay, and what `vtepd run --k3s` makes of each. Data only;
 * docs/k3s.md tells the same (a test compares the two).
 */

export interface K3sFlag {
  readonly name: string
  /** One letter that k3s takes as well. */
  readonly short?: string
  /** `list` may be repeated, and each value holds several with commas. */
  readonly kind: 'text' | 'list' | 'switch'
  /** k3s agent has no such flag: its server tells it. */
  readonly serverOnly?: true
  /** The variable that k3s reads where the flag is not given. */
  readonly variable?: string
  readonly becomes: string
}

export const K3S_FLAGS = [
  {
    name: 'config',
    short: 'c',
    kind: 'text',
    variable: 'K3S_CONFIG_FILE',
    becomes: 'the file that is read, with FILE.d',
  },
  { name: 'data-dir', short: 'd', kind: 'text', variable: 'K3S_DATA_DIR', becomes: 'where all other files of k3s are' },
  { name: 'node-name', kind: 'text', variable: 'K3S_NODE_NAME', becomes: 'NODE_NAME' },
  { name: 'with-node-id', kind: 'switch', becomes: 'part of NODE_NAME' },
  { name: 'flannel-iface', kind: 'text', becomes: '--iface' },
  { name: 'flannel-conf', kind: 'text', becomes: '--net-config-path' },
  {
    name: 'flannel-cni-conf',
    kind: 'text',
    becomes: 'said: k3s copies it only while its flannel is on, so copy it to /etc/cni/net.d/10-flannel.conflist',
  },
  {
    name: 'flannel-backend',
    kind: 'text',
    serverOnly: true,
    becomes: '`none` goes on; every other value, and its absence, is refused with what to set',
  },
  { name: 'no-flannel', kind: 'switch', becomes: 'as `flannel-backend: none` (old versions of k3s)' },
  {
    name: 'flannel-external-ip',
    kind: 'switch',
    serverOnly: true,
    becomes: 'the addresses of node-external-ip are published instead of the interface’s',
  },
  { name: 'node-external-ip', kind: 'list', becomes: 'what is published, with flannel-external-ip; else nothing' },
  {
    name: 'node-ip',
    kind: 'list',
    becomes: 'nothing here: the kubelet makes it the Node’s InternalIP, which is followed where no interface is named',
  },
  { name: 'flannel-ipv6-masq', kind: 'switch', serverOnly: true, becomes: 'IPv6 is masqueraded as well' },
  {
    name: 'flannel-ip-masq-disable-random-fully',
    kind: 'switch',
    serverOnly: true,
    becomes: '--ip-masq-fully-random-disable',
  },
  { name: 'cluster-cidr', kind: 'list', serverOnly: true, becomes: 'the network, where no net-conf.json says it' },
  {
    name: 'disable-network-policy',
    kind: 'switch',
    serverOnly: true,
    becomes: 'nothing: k3s’ controller works beside vtepd as beside flannel',
  },
  {
    name: 'egress-selector-mode',
    kind: 'text',
    serverOnly: true,
    becomes:
      'nothing: whom k3s’ API server reaches through its tunnel is k3s’ matter; pods are reached over the overlay',
  },
  { name: 'disable-kube-proxy', kind: 'switch', serverOnly: true, becomes: 'nothing' },
  { name: 'vpn-auth', kind: 'text', variable: 'K3S_VPN_AUTH', becomes: 'nothing, as k3s’ flannel is off' },
  { name: 'vpn-auth-file', kind: 'text', variable: 'K3S_VPN_AUTH_FILE', becomes: 'nothing, as k3s’ flannel is off' },
  { name: 'prefer-bundled-bin', kind: 'switch', becomes: 'k3s’ own nft and iptables are tried before the host’s' },
  {
    name: 'write-kubeconfig',
    short: 'o',
    kind: 'text',
    serverOnly: true,
    variable: 'K3S_KUBECONFIG_OUTPUT',
    becomes: 'the administrator’s kubeconfig, by which Nodes are read where nobody else may',
  },
  {
    name: 'server',
    short: 's',
    kind: 'text',
    variable: 'K3S_URL',
    becomes: 'said: with which server the settings have to agree, or from which an agent takes them',
  },
  {
    name: 'container-runtime-endpoint',
    kind: 'text',
    becomes: 'said: that runtime, and not k3s, decides where CNI is looked for',
  },
  { name: 'docker', kind: 'switch', becomes: 'nothing: cri-dockerd looks for CNI in the usual places' },
  { name: 'disable-agent', kind: 'switch', serverOnly: true, becomes: 'refused: such a server is no node' },
  { name: 'rootless', kind: 'switch', becomes: 'refused: the pods are in a network namespace of their own' },
] as const satisfies readonly K3sFlag[]

export type K3sFlagName = (typeof K3S_FLAGS)[number]['name']
