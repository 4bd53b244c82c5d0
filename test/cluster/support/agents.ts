/** vtepd and flanneld as a node runs them. Must not: look into either; what they did is read from the kernel and the API. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ENTRY } from '../../support/agent-process.ts'
import { AGENT_ACCOUNT, type ControlPlane } from './control-plane.ts'
import type { ClusterNode } from './node.ts'
import { bracketed } from './plan.ts'
import { lastWords, type Service, until } from './shell.ts'

export interface AgentFiles {
  readonly netConf: string
  readonly kubeconfig: string
}

/** Those that both agents read. */
export function writeAgentFiles(node: ClusterNode, plane: ControlPlane, netConf: object): AgentFiles {
  const files = {
    netConf: path.join(node.machine.folder, 'net-conf.json'),
    kubeconfig: path.join(node.machine.folder, 'agent.kubeconfig'),
  }
  writeFileSync(files.netConf, JSON.stringify(netConf))
  plane.writeKubeconfig(AGENT_ACCOUNT, files.kubeconfig)
  return files
}

/** `flags` beside those that say where it is. */
export function startVtepd(node: ClusterNode, files: AgentFiles, flags: readonly string[]): Service {
  const words = [
    process.execPath,
    '--max-semi-space-size=1',
    ENTRY,
    'run',
    ...common(files),
    '--log-format=json',
    ...flags,
  ]
  return node.machine.start('vtepd', words, { NODE_NAME: node.name })
}

/** Another command of vtepd there; resolves with its standard output. */
export function runVtepd(node: ClusterNode, ...words: readonly string[]): Promise<string> {
  return node.machine.run(process.execPath, ENTRY, ...words)
}

export function startFlanneld(
  node: ClusterNode,
  files: AgentFiles,
  program: string,
  flags: readonly string[],
): Service {
  const words = [program, '--kube-subnet-mgr', ...common(files), ...flags]
  return node.machine.start('flanneld', words, { NODE_NAME: node.name })
}

function common({ netConf, kubeconfig }: AgentFiles): string[] {
  return [`--net-config-path=${netConf}`, `--kubeconfig-file=${kubeconfig}`, '--healthz-port=8081']
}

/** By its own word; flanneld 0.28.4 has no /readyz, and its /healthz says only that it runs. */
export async function untilReady(
  node: ClusterNode,
  agent: Service,
  at: 'readyz' | 'healthz' = 'readyz',
): Promise<void> {
  await until(
    `the agent of ${node.name} is ready`,
    60,
    async () => {
      if (!agent.running) throw new Error('it has ended')
      const url = `http://${bracketed(node.addresses[0] ?? '')}:8081/${at}`
      return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok
    },
    () => lastWords(agent.log()),
  )
}
