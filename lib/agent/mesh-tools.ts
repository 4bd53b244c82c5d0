/**
 * Wires what one family's probes are sent with: the socket of the addon, chance that nobody guesses. Must not: decide what is
 * sent (lib/mesh) or to whom (mesh-watch.ts).
 */
import { randomBytes } from 'node:crypto'
import { loadAddon } from '../addon/addon.ts'
import { isVxlan } from '../cluster/network.ts'
import { openUdpDoor } from '../host/udp.ts'
import { FAMILIES } from '../net/ip.ts'
import type { Log } from '../util/log.ts'
import type { AgentConfig } from './config.ts'
import type { Containment } from './containment.ts'
import type { FamilyOverlay } from './family-overlay.ts'
import { createMeshWatch, type MeshWatch } from './mesh-watch.ts'
import type { Telemetry } from './window/telemetry.ts'

/** undefined: nobody is probed, nor answered: it is switched off, or there is no device whose address could be probed (host-gw). */
export function createMesh(
  { mesh, network }: Pick<AgentConfig, 'mesh' | 'network'>,
  overlay: FamilyOverlay,
  {
    clock,
    guard,
    log,
    telemetry,
  }: Pick<Containment, 'clock' | 'guard'> & {
    readonly log: Log
    readonly telemetry: Pick<Telemetry, 'count' | 'observe'>
  },
): MeshWatch | undefined {
  if (mesh === undefined || !isVxlan(network)) return undefined
  const open = loadAddon().openUdp
  return createMeshWatch({
    config: mesh,
    families: FAMILIES.filter((family) => network[family] !== undefined).length,
    network,
    overlay,
    open: (address, port, onDatagram) => openUdpDoor(open, { address, port, onDatagram: guard(onDatagram) }),
    random: Math.random,
    token: () => randomBytes(8).toString('hex'),
    onOutcome(path, rtt) {
      const { family } = overlay
      telemetry.count('vtepd_mesh_probes_total', { family, result: rtt === undefined ? 'lost' : 'answered' })
      if (rtt !== undefined && path === 'overlay') telemetry.observe('vtepd_mesh_rtt_seconds', { family }, rtt / 1000)
    },
    clock,
    log,
  })
}
