/**
 * A host whose agent follows an embedded API server, that knows it and its peers: what the agent publishes comes back. Owns
 * their life. Must not: start the agent.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../../../lib/host/clock.ts'
import { type ApiServer, startApiServer } from '../../../../lib/lab/api-server/api-server.ts'
import { createKubeSource } from '../../../../lib/leases/kube.ts'
import type { Scope } from '../../../support/netns.ts'
import type { Family } from '../../healing/support/cluster.ts'
import { createHost, type Host, type StartOptions } from './host.ts'
import { objectOf, type PeerNode, US } from './nodes.ts'

export interface ServedHost {
  readonly server: ApiServer
  readonly host: Host
  readonly source: NonNullable<StartOptions['source']>
}

export async function createServedHost(
  t: Scope,
  families: readonly Family[],
  {
    peers = [],
    keepsView = false,
    watchList = true,
  }: { readonly peers?: readonly PeerNode[]; readonly keepsView?: boolean; readonly watchList?: boolean } = {},
): Promise<ServedHost> {
  const server = await startApiServer({ watchList })
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-served-'))
  const kubeconfigFile = path.join(folder, 'kubeconfig')
  writeFileSync(kubeconfigFile, server.kubeconfig())
  for (const node of [US, ...peers]) server.nodes.create(objectOf(node, families))
  const host = await createHost(t, { families })
  t.after(async () => {
    await host.stop()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const config = {
    kubeconfigFile,
    apiUrl: undefined,
    node: { name: US.name },
    annotationPrefix: 'flannel.alpha.coreos.com',
    setNodeNetworkUnavailable: false,
  }
  const kept = keepsView ? { stateDir: folder } : {}
  const source: ServedHost['source'] = (network, log) =>
    createKubeSource({ config, network, log, clock: systemClock, ...kept })
  return { server, host, source }
}
