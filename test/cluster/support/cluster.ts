/** A cluster of test/cluster from nothing to pods that run, and its end. Owns the order. Must not: judge anything. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type ClusterPrograms, clusterProgramPaths } from '../../kube/cluster-programs.ts'
import { findPrograms, type KubePrograms } from '../../kube/programs.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { buildImage, type PodImage } from './image.ts'
import { type ClusterNode, nodeName, type ProxyMode, startNode } from './node.ts'
import type { Families } from './plan.ts'
import { createPod, deletePods, type Pod, podOf } from './pods.ts'
import { inNetns } from './probes.ts'
import { startService } from './shell.ts'
import { createUnderlay, OUTSIDE_HOST } from './underlay.ts'

export interface Cluster {
  readonly families: Families
  readonly programs: KubePrograms & ClusterPrograms
  readonly plane: ControlPlane
  readonly image: PodImage
  readonly nodes: readonly ClusterNode[]
  /** Stopped at the end, whatever happens before; returns it. */
  keep<T extends { stop(): Promise<unknown> }>(started: T): T
  /** Pods on every node, by name; resolves when all run. */
  startPods(perNode: number): Promise<Pod[]>
  close(): Promise<void>
}

export interface ClusterOptions {
  readonly families: Families
  readonly proxyMode: ProxyMode
  readonly nodes: number
  /** For an agent that is a DaemonSet: nodes without CNI plugins, a control plane that serves pods. Default false. */
  readonly daemonSets?: boolean
}

/** Resolves when the kubelets run. The nodes have no overlay yet, so no pod starts. */
export async function startCluster(given: ClusterOptions): Promise<Cluster> {
  const { families, proxyMode, nodes: count, daemonSets = false } = given
  const folder = mkdtempSync(path.join(tmpdir(), 'cluster-'))
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const close = async (): Promise<void> => {
    const failures: unknown[] = []
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
      try {
        await end()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures)
  }
  try {
    const programs = { ...findPrograms(), ...clusterProgramPaths() }
    const image = await buildImage(folder)
    const underlay = await createUnderlay(families)
    ends.push(() => underlay.close())
    ends.push(serveOutside(folder, image))
    const control = path.join(folder, 'control')
    mkdirSync(control)
    const names = Array.from({ length: count }, (_, index) => nodeName(index))
    const plane = await startControlPlane(control, programs, families, names, daemonSets)
    ends.push(() => plane.close())
    const options = {
      folder,
      programs,
      image,
      underlay,
      plane,
      proxyMode,
      withPlugins: !daemonSets,
      cgroup: process.env.VTEPD_CLUSTER_CGROUP ?? '/',
    }
    const nodes = await Promise.all(
      names.map(async (_, index) => {
        const node = await startNode(options, index)
        ends.push(() => node.close())
        return node
      }),
    )
    return {
      families,
      programs,
      plane,
      image,
      nodes,
      keep(started) {
        ends.push(() => started.stop())
        return started
      },
      startPods(perNode) {
        ends.push(() => deletePods(plane))
        return startPods(plane, nodes, perNode)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function serveOutside(folder: string, image: PodImage): () => Promise<void> {
  const outside = startService(
    path.join(folder, 'outside.log'),
    inNetns(OUTSIDE_HOST)(image.program, 'serve') as [string],
  )
  return () => outside.stop()
}

async function startPods(plane: ControlPlane, nodes: readonly ClusterNode[], perNode: number): Promise<Pod[]> {
  const wanted = nodes.flatMap((node) =>
    Array.from({ length: perNode }, (_, index) => ({ name: `pod-${index + 1}-${node.name}`, node })),
  )
  for (const { name, node } of wanted) await createPod(plane, name, node)
  return Promise.all(wanted.map(({ name, node }) => podOf(plane, name, node)))
}
