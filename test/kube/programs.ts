/**
 * Builds the real kube-apiserver and etcd from two small Go modules beside this file into a cache folder outside the tree.
 * Must not: start them (real-kube.ts), or build without being asked to: it takes three minutes and 5 GB.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
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

export type { KubePrograms } from '../../lib/lab/real-kube/programs.ts'

const VERSION_PACKAGE = 'k8s.io/component-base/version'
const LD_FLAGS = `-s -w -X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES_VERSION} -X ${VERSION_PACKAGE}.gitMajor=1 -X ${VERSION_PACKAGE}.gitMinor=34`
/** Modules come from far away; what has arrived is not fetched again. */
const TRIES = 3

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
  if (!isExecutable(programs.etcd)) build('etcd', programs.etcd)
  if (!isExecutable(programs.apiServer)) build('kube-apiserver', programs.apiServer)
  return programs
}

function build(name: 'etcd' | 'kube-apiserver', target: string): void {
  const folder = path.join(import.meta.dirname, 'go', name)
  mkdirSync(path.dirname(target), { recursive: true })
  process.stderr.write(`building ${target}; the first time takes some minutes\n`)
  const unfinished = `${target}.${process.pid}.tmp`
  for (let left = TRIES; !runGo(folder, ['build', '-trimpath', '-ldflags', LD_FLAGS, '-o', unfinished, '.']); left -= 1)
    if (left === 1)
      throw new Error(`building ${name} failed, see above: it needs Go 1.24 or newer, and Go modules (go env GOPROXY)`)
  renameSync(unfinished, target)
}

/** Whether it worked. */
function runGo(folder: string, words: readonly string[]): boolean {
  const env = { ...process.env, CGO_ENABLED: '0' }
  const { status, error } = spawnSync('go', words, { cwd: folder, stdio: 'inherit', env })
  if (error !== undefined) throw new Error(`cannot run go (${error.message}): install Go 1.24 or newer`)
  return status === 0
}
