/** containerd and kubelet of a node, and their configuration. Must not: know the network of pods beyond its CNI folder. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stringify } from 'yaml'
import { IMAGE, type PodImage } from './image.ts'
import type { Machine } from './machine.ts'
import { lastWords, type Service, until } from './shell.ts'

export interface KubeletOptions {
  /** The program with all of Kubernetes in it. */
  readonly kubernetes: string
  readonly kubeconfig: string
  /** One or two, the first one's family leads. */
  readonly nodeIps: readonly string[]
  readonly image: PodImage
  /** Folders of CNI configuration and plugins. */
  readonly cni: { readonly conf: string; readonly bin: string }
  /** Below which pods' control groups are; the runner of the suite removes what is left of it. */
  readonly cgroup: string
}

export interface Kubelet {
  /** Process of a container of that pod that runs, as the kubelet numbers pods. */
  processOf(podUid: string): Promise<number>
  services(): readonly Service[]
  close(): Promise<void>
}

const SOCKET = 'unix:///run/containerd/containerd.sock'
const NAMESPACE = ['-n', 'k8s.io']

/** Resolves when containerd has the image and the kubelet runs; its Node comes later. */
export async function startKubelet(machine: Machine, options: KubeletOptions): Promise<Kubelet> {
  const file = (name: string): string => path.join(machine.folder, name)
  writeFileSync(file('containerd.toml'), containerdConfig(options))
  const containerd = machine.start('containerd', ['containerd', '--config', file('containerd.toml')])
  const ctr = (...words: readonly string[]): Promise<string> => machine.run('ctr', ...NAMESPACE, ...words)
  await until(
    `containerd of ${machine.name}`,
    30,
    () => ctr('version'),
    () => lastWords(containerd.log()),
  )
  await ctr('images', 'import', options.image.archive)
  writeFileSync(file('kubelet.yaml'), stringify(kubeletConfig(machine, options)))
  mkdirSync(file('pki'))
  const kubelet = machine.start('kubelet', [
    options.kubernetes,
    'kubelet',
    `--config=${file('kubelet.yaml')}`,
    `--kubeconfig=${options.kubeconfig}`,
    `--hostname-override=${machine.name}`,
    `--node-ip=${options.nodeIps.join(',')}`,
    `--cert-dir=${file('pki')}`,
  ])
  return {
    async processOf(podUid) {
      const list = JSON.parse(await ctr('containers', 'list', '--quiet').then(describe(ctr))) as Container[]
      const own = list.filter(
        ({ Labels: labels }) =>
          labels['io.kubernetes.pod.uid'] === podUid && labels['io.cri-containerd.kind'] === 'container',
      )
      const tasks = (await ctr('task', 'list')).split('\n')
      const line = tasks.find((task) => own.some(({ ID: id }) => task.startsWith(id)) && task.includes('RUNNING'))
      if (line === undefined) throw new Error(`the pod ${podUid} has no process on ${machine.name}`)
      return Number(line.split(/\s+/)[1])
    },
    services: () => [containerd, kubelet],
    async close() {
      await kubelet.stop()
      await containerd.stop()
    },
  }
}

interface Container {
  readonly ID: string
  readonly Labels: Readonly<Record<string, string>>
}

/** ctr tells the labels of one container at a time. */
function describe(ctr: (...words: string[]) => Promise<string>): (quiet: string) => Promise<string> {
  return async (quiet) => {
    const ids = quiet.split('\n').filter((id) => id !== '')
    return `[${(await Promise.all(ids.map((id) => ctr('containers', 'info', id)))).join(',')}]`
  }
}

/** Where CAP_SYS_RESOURCE is missing, runc cannot lower a score; there is no AppArmor to load profiles into. */
function containerdConfig({ cni }: KubeletOptions): string {
  const plugin = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
[${plugin}]
sandbox_image = "${IMAGE}"
disable_apparmor = true
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[${plugin}.cni]
conf_dir = "${cni.conf}"
bin_dir = "${cni.bin}"
`
}

/** Control groups are those that the machine has, of either version; nothing is reserved, and nothing evicted. */
function kubeletConfig(machine: Machine, { cgroup }: KubeletOptions): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: SOCKET,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: true,
    cgroupRoot: cgroup,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    failCgroupV1: false,
    makeIPTablesUtilChains: false,
    localStorageCapacityIsolation: false,
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0.1%', 'imagefs.available': '0.1%' },
    imageGCHighThresholdPercent: 100,
    volumePluginDir: path.join(machine.folder, 'volume-plugins'),
    resolvConf: '',
    registerNode: true,
    maxPods: 30,
  }
}
