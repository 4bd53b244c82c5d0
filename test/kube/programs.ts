/**
 * Builds the real kube-apiserver and etcd from two small Go modules beside this file into a cache folder outside the tree.
 * Must not: start them (real-kube.ts), or build without being asked to: it takes three minutes and 5 GB.
 */
import path from 'node:path'
import {
  defaultProgramsFolder,
  howToBuild,
  isExecutable,
  KUBERNETES_VERSION,
  type KubePrograms,
  missingProgram,
  programPaths,
} from '../../lib/lab/real-kube/programs.ts'
import { buildProgram } from './go-build.ts'

export type { KubePrograms } from '../../lib/lab/real-kube/programs.ts'

const VERSION_PACKAGE = 'k8s.io/component-base/version'
/** As a release has them, or kubelet and API server do not believe to be of one version. */
export const KUBERNETES_LD_FLAGS = `-X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES_VERSION} -X ${VERSION_PACKAGE}.gitMajor=1 -X ${VERSION_PACKAGE}.gitMinor=34`

/** Of a module of ours. */
export function goModule(name: string): string {
  return path.join(import.meta.dirname, 'go', name)
}

/** Whether the real programs are asked for, as `npm run test:kube` does: tests that need them run then, and fail where they are not built. */
export const WITH_REAL_KUBE = process.env.VTEPD_KUBE_REQUIRED === '1'

/** Of `VTEPD_KUBE_CACHE`, default ~/.cache/vtepd-kube. Throws with how they are built. */
export function findPrograms(): KubePrograms {
  const programs = programPaths(defaultProgramsFolder())
  const missing = missingProgram(programs)
  if (missing !== undefined) throw new Error(howToBuild(missing))
  return programs
}

/** Builds what is missing; downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function ensurePrograms(): KubePrograms {
  const programs = programPaths(defaultProgramsFolder())
  const { etcd, apiServer } = programs
  if (!isExecutable(etcd)) buildProgram({ module: goModule('etcd'), of: '.', target: etcd })
  if (!isExecutable(apiServer))
    buildProgram({
      module: goModule('kubernetes'),
      of: './kube-apiserver',
      target: apiServer,
      ldFlags: KUBERNETES_LD_FLAGS,
    })
  return programs
}
