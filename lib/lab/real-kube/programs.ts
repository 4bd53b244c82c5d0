/**
 * Where the real kube-apiserver and etcd are found once they are built (test/kube builds them). Must not: build or start them.
 */
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { LabError } from '../lab-error.ts'

/** Of the Go modules in test/kube/go; a new version is built beside the old one. */
export const KUBERNETES_VERSION = '1.34.4'
export const ETCD_VERSION = '3.6.5'

export interface KubePrograms {
  readonly etcd: string
  readonly apiServer: string
}

/** `VTEPD_KUBE_CACHE`, default ~/.cache/vtepd-kube. */
export function defaultProgramsFolder(): string {
  const given = process.env.VTEPD_KUBE_CACHE ?? ''
  return given === '' ? path.join(homedir(), '.cache', 'vtepd-kube') : given
}

export function programPaths(folder: string): KubePrograms {
  return {
    etcd: path.join(folder, `etcd-${ETCD_VERSION}`),
    apiServer: path.join(folder, `kube-apiserver-${KUBERNETES_VERSION}`),
  }
}

/** Which of the two is not there, or may not be executed; undefined: they can be started. */
export function missingProgram({ etcd, apiServer }: KubePrograms): string | undefined {
  return [etcd, apiServer].find((file) => !isExecutable(file))
}

/** One line that says how to get what `missingProgram` names. */
export function howToBuild(missing: string): string {
  return `${missing} is missing: build it in vtepd's source with 'npm run test:kube' (needs Go 1.24 or newer; minutes, once)`
}

/** Of `folder`, by default where they are built to; throws LabError with what to do when they are not there. */
export function requirePrograms(folder = defaultProgramsFolder()): KubePrograms {
  const programs = programPaths(folder)
  const missing = missingProgram(programs)
  if (missing !== undefined) throw new LabError(howToBuild(missing))
  return programs
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
