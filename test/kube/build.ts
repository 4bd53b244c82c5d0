/**
 * Builds the programs that test/kube needs, where they are missing: `node --import tsx test/kube/build.ts`, helm and kustomize
 * among them; with `--cluster` those of test/cluster too.
 */
import { ensureClusterPrograms } from './cluster-programs.ts'
import { ensureDeployPrograms } from './deploy-programs.ts'
import { ensurePrograms } from './programs.ts'

const built = {
  ...ensurePrograms(),
  ...ensureDeployPrograms(),
  ...(process.argv.includes('--cluster') ? ensureClusterPrograms() : {}),
}
process.stdout.write(`${Object.values(built).join('\n')}\n`)
