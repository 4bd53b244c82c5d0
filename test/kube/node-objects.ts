/** Node objects of the size and shape that a k3s cluster with flannel has: about 10 KB each in JSON. */

const PREFIX = 'flannel.alpha.coreos.com'
const IMAGES = 22

export interface NodeObjectOptions {
  /** Default: as flannel's agent leaves them; false: as a kubelet registers. */
  readonly annotations?: boolean
  readonly podCidrs?: readonly string[]
  /** Default 22, as k3s shows them. */
  readonly images?: number
}

/** The `n`th node (below 2^20): 10.x.y.z/25 of 10.0.0.0/8, underlay 172.16.0.0/12. */
export function nodeObject(name: string, n: number, options: NodeObjectOptions = {}): object {
  const [high, middle, low] = [(n >> 16) & 0xff, (n >> 8) & 0xff, n & 0xff]
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
  const underlay = `172.${16 + high}.${middle}.${low}`
  const podCidrs = options.podCidrs ?? [`10.${(n >> 9) & 0xff}.${(n >> 1) & 0xff}.${(n & 1) << 7}/25`]
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      name,
      labels: labelsOf(name),
      annotations: {
        'alpha.kubernetes.io/provided-node-ip': underlay,
        'k3s.io/hostname': name,
        'k3s.io/internal-ip': underlay,
        'k3s.io/node-args': '["agent","--server","https://172.16.0.1:6443","--node-label","rack=a"]',
        'k3s.io/node-config-hash': `${'MMQ4NSIKJ6'.repeat(5)}====`,
        'k3s.io/node-env': '{"K3S_TOKEN":"********"}',
        'node.alpha.kubernetes.io/ttl': '0',
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        ...(options.annotations === false
          ? {}
          : {
              [`${PREFIX}/backend-data`]: `{"VNI":1,"VtepMAC":"0e:2a:00:${hex(high)}:${hex(middle)}:${hex(low)}"}`,
              [`${PREFIX}/backend-type`]: 'vxlan',
              [`${PREFIX}/kube-subnet-manager`]: 'true',
              [`${PREFIX}/public-ip`]: underlay,
            }),
      },
      finalizers: ['wrangler.cattle.io/node'],
    },
    spec: {
      ...(podCidrs.length === 0 ? {} : { podCIDR: podCidrs[0], podCIDRs: podCidrs }),
      providerID: `k3s://${name}`,
    },
    status: statusOf(name, underlay, options.images ?? IMAGES),
  }
}

function labelsOf(name: string): object {
  return {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/instance-type': 'k3s',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'node.kubernetes.io/instance-type': 'k3s',
  }
}

function statusOf(name: string, underlay: string, images: number): object {
  const time = '2026-01-01T00:00:00Z'
  const condition = (type: string, status: string, reason: string, message: string): object => ({
    type,
    status,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
    reason,
    message,
  })
  const sizes = {
    cpu: '8',
    'ephemeral-storage': '102624184Ki',
    'hugepages-2Mi': '0',
    memory: '32867404Ki',
    pods: '110',
  }
  return {
    addresses: [
      { type: 'InternalIP', address: underlay },
      { type: 'Hostname', address: name },
    ],
    allocatable: sizes,
    capacity: sizes,
    conditions: [
      condition('NetworkUnavailable', 'False', 'FlannelIsUp', 'Flannel is running on this node'),
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    images: Array.from({ length: images }, (_, i) => ({
      names: [
        `docker.io/rancher/mirrored-library-image-${i}@sha256:${String(i).padStart(64, '5f8c')}`,
        `docker.io/rancher/mirrored-library-image-${i}:v1.${i}.0`,
      ],
      sizeBytes: 20_000_000 + i,
    })),
    nodeInfo: {
      architecture: 'amd64',
      bootID: 'b6b1f4c0-6d3e-4d5c-9a55-2c8a5d0f1c11',
      containerRuntimeVersion: 'containerd://2.1.5-k3s1',
      kernelVersion: '6.12.48',
      kubeProxyVersion: '',
      kubeletVersion: 'v1.34.4+k3s1',
      machineID: '5a8d3c6f1c2b4f5c8c0f6d2b7f3e1a90',
      operatingSystem: 'linux',
      osImage: 'Debian GNU/Linux 13 (trixie)',
      systemUUID: '5a8d3c6f-1c2b-4f5c-8c0f-6d2b7f3e1a90',
    },
  }
}
