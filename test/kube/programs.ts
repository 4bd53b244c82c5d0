/**
 * The real kube-apiserver and etcd, built from two small Go modules beside this file into a cache folder outside the
 * tree. Must not: start them (real-kube.ts), or build without being asked to: it takes three minutes and 5 GB.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

/** Of go.mod; a new version is built beside the old one. */
const KUBERNETES = '1.34.4'
const ETCD = '3.6.5'

const VERSION_PACKAGE = 'k8s.io/component-base/version'
const LD_FLAGS = `-s -w -X ${VERSION_PACKAGE}.gitVersion=v${KUBERNETES} -X ${VERSION_PACKAGE}.gitMajor=1 -X ${VERSION_PACKAGE}.gitMinor=34`

export interface KubePrograms {
  readonly etcd: string
  readonly apiServer: string
}

/** undefined: not built yet. Of `VTEPD_KUBE_CACHE`, default ~/.cache/vtepd-kube. */
export function findPrograms(): KubePrograms | undefined {
  const programs = programPaths()
  return isExecutable(programs.etcd) && isExecutable(programs.apiServer) ? programs : undefined
}

/** Builds what is missing; downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function ensurePrograms(): KubePrograms {
  const programs = programPaths()
  if (!isExecutable(programs.etcd)) build('etcd', programs.etcd)
  if (!isExecutable(programs.apiServer)) build('kube-apiserver', programs.apiServer)
  return programs
}

function programPaths(): KubePrograms {
  const cache = process.env.VTEPD_KUBE_CACHE ?? path.join(homedir(), '.cache', 'vtepd-kube')
  return {
    etcd: path.join(cache, `etcd-${ETCD}`),
    apiServer: path.join(cache, `kube-apiserver-${KUBERNETES}`),
  }
}

function build(name: 'etcd' | 'kube-apiserver', target: string): void {
  const unfinished = `${target}.${process.pid}.tmp`
  mkdirSync(path.dirname(target), { recursive: true })
  process.stderr.write(`building ${target}; the first time takes some minutes\n`)
  const words = ['build', '-trimpath', '-ldflags', LD_FLAGS, '-o', unfinished, '.']
  const { status, error } = spawnSync('go', words, {
    cwd: path.join(import.meta.dirname, 'go', name),
    stdio: 'inherit',
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  if (error !== undefined) throw new Error(`cannot run go (${error.message}): install Go 1.24 or newer`)
  if (status !== 0) throw new Error(`building ${name} failed, see above`)
  renameSync(unfinished, target)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
