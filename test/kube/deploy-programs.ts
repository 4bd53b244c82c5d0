/**
 * helm and kustomize, which what is in deploy/ is made and tested with, built into the cache where they are missing:
 * `node --import tsx test/kube/deploy-programs.ts` prints their paths. Must not: run them.
 */
import path from 'node:path'
import { defaultProgramsFolder, isExecutable, KUBERNETES_VERSION } from '../../lib/lab/real-kube/programs.ts'
import { buildProgram } from './go-build.ts'
import { goModule } from './programs.ts'

export interface DeployPrograms {
  readonly helm: string
  readonly kustomize: string
}

/** Of the modules in go/. */
const HELM_VERSION = '3.22.0'
const KUSTOMIZE_VERSION = '5.8.1'

export function deployProgramPaths(folder = defaultProgramsFolder()): DeployPrograms {
  return {
    helm: path.join(folder, `helm-${HELM_VERSION}`),
    kustomize: path.join(folder, `kustomize-${KUSTOMIZE_VERSION}`),
  }
}

/** Builds what is missing; downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function ensureDeployPrograms(): DeployPrograms {
  const programs = deployProgramPaths()
  const { helm, kustomize } = programs
  // What a chart is rendered for where no server is asked.
  const [major, minor] = KUBERNETES_VERSION.split('.')
  const version = 'helm.sh/helm/v3/pkg/chartutil.k8sVersion'
  const ldFlags = `-X ${version}Major=${major} -X ${version}Minor=${minor}`
  if (!isExecutable(helm))
    buildProgram({ module: goModule('helm'), of: 'helm.sh/helm/v3/cmd/helm', target: helm, ldFlags })
  const ofKustomize = 'sigs.k8s.io/kustomize/kustomize/v5'
  if (!isExecutable(kustomize)) buildProgram({ module: goModule('kustomize'), of: ofKustomize, target: kustomize })
  return programs
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(`${Object.values(ensureDeployPrograms()).join('\n')}\n`)
