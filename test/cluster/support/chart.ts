/** The chart in deploy/ on a cluster, by helm, and the pods that come of it. Must not: judge the overlay. */
import { mkdtempSync } from 'node:fs'
import path from 'node:path'
import { deployProgramPaths } from '../../kube/deploy-programs.ts'
import type { Cluster } from './cluster.ts'
import { type ClusterNode, CNI_INSIDE } from './node.ts'
import { lastWords, run, until } from './shell.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const NAMESPACE = 'kube-system'
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dvtepd`
const DAEMON_SET = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/vtepd`
const ROLLOUT_SECONDS = 180

export interface AgentPod {
  readonly metadata: { readonly uid: string; readonly name: string }
  readonly spec: { readonly nodeName: string; readonly containers: readonly { readonly image: string }[] }
  readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] }
}

export interface Chart {
  /** helm install, upgrade or uninstall; `values` are words of --set-json, on top of those of before. Resolves with what it said. */
  install(values: Readonly<Record<string, unknown>>): Promise<string>
  upgrade(values: Readonly<Record<string, unknown>>): Promise<string>
  uninstall(): Promise<string>
  /** Resolves when every node has a pod of the newest revision that is ready; rejects with what the others say. */
  rolledOut(): Promise<void>
  pods(): Promise<readonly AgentPod[]>
}

/** Images of this checkout for this machine, one a version, and one file each; made below `folder`. */
export async function buildImages(folder: string, versions: readonly string[]): Promise<readonly string[]> {
  const out = mkdtempSync(path.join(folder, 'images-'))
  const words = versions.map((version) => `--version=${version}`)
  await run(process.execPath, path.join(ROOT, 'scripts/release/image/build.mjs'), `--out=${out}`, ...words)
  return versions.map((version) => path.join(out, `vtepd-${version}-linux-${process.arch}.oci.tar`))
}

/** As `ctr images import` on each node: no registry is needed. */
export async function importImage(nodes: readonly ClusterNode[], file: string): Promise<void> {
  for (const { machine } of nodes) await machine.run('ctr', '--namespace=k8s.io', 'images', 'import', file)
}

export function openChart({ plane, nodes }: Cluster, folder: string): Chart {
  const kubeconfig = path.join(folder, 'helm.kubeconfig')
  plane.writeKubeconfig('admin', kubeconfig)
  const helm = (verb: string, ...words: readonly string[]): Promise<string> =>
    run(deployProgramPaths().helm, verb, 'vtepd', ...words, `--namespace=${NAMESPACE}`, `--kubeconfig=${kubeconfig}`)
  const set = (values: Readonly<Record<string, unknown>>): string[] =>
    Object.entries(values).map(([name, value]) => `--set-json=${name}=${JSON.stringify(value)}`)
  const chart = path.join(ROOT, 'deploy')
  // What the nodes of this test have elsewhere than others.
  const places = { 'cni.confDir': CNI_INSIDE.conf, 'cni.binDir': CNI_INSIDE.bin }
  const pods = async (): Promise<readonly AgentPod[]> =>
    (await plane.ask<{ items: readonly AgentPod[] }>('GET', PODS)).items
  return {
    install: (values) => helm('install', chart, ...set({ ...places, ...values })),
    upgrade: (values) => helm('upgrade', chart, '--reuse-values', ...set(values)),
    uninstall: () => helm('uninstall', '--wait', '--cascade=foreground'),
    pods,
    async rolledOut() {
      let last: unknown
      const isRolledOut = async (): Promise<boolean> => {
        const { metadata, status } = await plane.ask<DaemonSet>('GET', DAEMON_SET)
        last = status
        return (
          status.observedGeneration === metadata.generation &&
          status.updatedNumberScheduled === nodes.length &&
          status.numberAvailable === nodes.length
        )
      }
      try {
        await until('the DaemonSet is rolled out', ROLLOUT_SECONDS, isRolledOut, () => JSON.stringify(last))
      } catch (error) {
        throw new Error(await describePods(nodes, await pods()), { cause: error })
      }
    },
  }
}

interface DaemonSet {
  readonly metadata: { readonly generation: number }
  readonly status: {
    readonly observedGeneration: number
    readonly updatedNumberScheduled?: number
    readonly numberAvailable?: number
  }
}

async function describePods(nodes: readonly ClusterNode[], pods: readonly AgentPod[]): Promise<string> {
  const logs = await Promise.all(nodes.map((node) => agentLog(node).catch(() => '')))
  return lastWords([JSON.stringify(pods.map(({ status }) => status)), ...logs].join('\n'))
}

/** Of all containers of vtepd that this node has had. */
export function agentLog({ machine }: ClusterNode): Promise<string> {
  return machine.run('sh', '-c', `cat /var/log/pods/${NAMESPACE}_vtepd-*/*/*.log`)
}
