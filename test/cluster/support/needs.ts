/** What test/cluster needs of the machine, and what a test says where that is missing. Must not: install or build. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { defaultProgramsFolder, isExecutable, programPaths } from '../../../lib/lab/real-kube/programs.ts'
import { clusterProgramPaths } from '../../kube/cluster-programs.ts'
import { deployProgramPaths } from '../../kube/deploy-programs.ts'
import { CNI_PLUGINS } from './node.ts'

/** By Debian's packages. */
const COMMANDS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  runc: 'runc',
  nft: 'nftables',
  iptables: 'iptables',
  cc: 'gcc',
}

/**
 * false: it runs. Throws where something is missing. `--short` leaves out what is not `inShort`, `--only=TEXT` what has not TEXT in its
 * title.
 */
export function skipCluster(title: string, inShort = true): string | false {
  const { VTEPD_CLUSTER_SHORT: short, VTEPD_CLUSTER_ONLY: only = '' } = process.env
  if ((short === '1' && !inShort) || !title.includes(only)) return 'left out by --short or --only'
  const missing = missingThings()
  if (missing.length > 0) throw new Error(`a cluster needs ${missing.join(', ')}`)
  return false
}

function missingThings(): string[] {
  const folders = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  const lacks = (program: string): boolean => !folders.some((folder) => isExecutable(path.join(folder, program)))
  const packages = Object.entries(COMMANDS).flatMap(([program, name]) =>
    lacks(program) ? [`the package ${name}`] : [],
  )
  const built = [clusterProgramPaths(), deployProgramPaths(), programPaths(defaultProgramsFolder())].flatMap((paths) =>
    Object.values(paths),
  )
  return [
    ...packages,
    ...(existsSync(path.join(CNI_PLUGINS, 'bridge')) ? [] : ['the package containernetworking-plugins']),
    ...(built.every(isExecutable) ? [] : ['node --import tsx test/kube/build.ts --cluster']),
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...(process.env.VTEPD_TEST_NAMESPACE === '1' ? [] : ['namespaces of its own']),
  ]
}
