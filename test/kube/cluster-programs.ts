/**
 * What test/cluster needs beside etcd and kube-apiserver, built into the same folder: the rest of Kubernetes as one program, the
 * real flanneld, and the flannel CNI plugin. Must not: start any of them.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { defaultProgramsFolder, isExecutable, KUBERNETES_VERSION } from '../../lib/lab/real-kube/programs.ts'
import { buildProgram, sourcesOf } from './go-build.ts'
import { goModule, KUBERNETES_LD_FLAGS } from './programs.ts'

export interface ClusterPrograms {
  /** kubelet, kube-proxy, kube-scheduler or kube-controller-manager, by its first argument. */
  readonly kubernetes: string
  readonly flanneld: string
  /** The CNI plugin `flannel`. */
  readonly flannelCni: string
}

/** Versions are those of the modules in go/. 0.9.1 is the last of containernetworking/plugins that has flannel's; the tags of its present module (v1.9.1-flannel3) are none that Go takes. */
const FLANNEL_VERSION = '0.28.4'
const PLUGINS_VERSION = '0.9.1'
const FLANNEL = 'github.com/flannel-io/flannel'

export function clusterProgramPaths(folder = defaultProgramsFolder()): ClusterPrograms {
  return {
    kubernetes: path.join(folder, `kubernetes-${KUBERNETES_VERSION}`),
    flanneld: path.join(folder, `flanneld-${FLANNEL_VERSION}`),
    flannelCni: path.join(folder, `flannel-cni-${PLUGINS_VERSION}`),
  }
}

/** Builds what is missing; downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function ensureClusterPrograms(): ClusterPrograms {
  const programs = clusterProgramPaths()
  const { kubernetes, flanneld, flannelCni } = programs
  if (!isExecutable(kubernetes))
    buildProgram({
      module: goModule('kubernetes'),
      of: './cluster',
      target: kubernetes,
      ldFlags: KUBERNETES_LD_FLAGS,
    })
  if (!isExecutable(flanneld)) buildFlanneld(flanneld)
  const plugin = 'github.com/containernetworking/plugins/plugins/meta/flannel'
  if (!isExecutable(flannelCni)) buildProgram({ module: goModule('flannel-cni'), of: plugin, target: flannelCni })
  return programs
}

/** From flannel's own main.go but for two back ends: a cloud's, whose library is not on every module proxy, and udp, which is in C. */
function buildFlanneld(target: string): void {
  const module = goModule('flanneld')
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-flanneld-'))
  try {
    for (const file of ['go.mod', 'go.sum']) copyFileSync(path.join(module, file), path.join(folder, file))
    const main = readFileSync(path.join(sourcesOf(module, FLANNEL), 'main.go'), 'utf8')
    writeFileSync(path.join(folder, 'main.go'), main.replace(/^.*\/backend\/(?:tencentvpc|udp)"\n/gm, ''))
    const ldFlags = `-X ${FLANNEL}/pkg/version.Version=v${FLANNEL_VERSION}`
    buildProgram({ module: folder, of: '.', target, ldFlags })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
