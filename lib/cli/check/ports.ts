/** Whether somebody else listens where the overlay and the health server shall. By /proc/net alone. Must not: open a socket to see. */
import type { Family } from '../../net/ip.ts'
import { type CheckHost, type Finding, fine, prevents, warns } from './finding.ts'

const LISTENS = '0A'

export async function checkPorts(
  host: CheckHost,
  families: readonly Family[],
  { vxlan, health, mesh }: Readonly<Record<'vxlan' | 'health' | 'mesh', number | undefined>>,
): Promise<readonly Finding[]> {
  const about = 'ports'
  const found: Finding[] = []
  if (vxlan !== undefined) {
    const held = await holdersOf(host, families.map(fileOf('udp')), vxlan)
    found.push(
      held
        ? prevents(
            about,
            `UDP port ${vxlan} is held by a program, so that the VXLAN device cannot be set up`,
            `ss -lunp 'sport = :${vxlan}' names it: end it, or choose another Backend.Port on all nodes`,
          )
        : fine(about, `UDP port ${vxlan} is free for VXLAN, or VXLAN has it already`),
    )
  }
  if (health !== undefined && (await holdersOf(host, ['/proc/net/tcp', '/proc/net/tcp6'], health, LISTENS)))
    found.push(
      warns(
        about,
        `TCP port ${health} of --healthz-port is taken, by a vtepd that runs already or by another program`,
        `ss -ltnp 'sport = :${health}' names it; choose another --healthz-port, or end it`,
      ),
    )
  if (mesh !== undefined && (await holdersOf(host, families.map(fileOf('udp')), mesh)))
    found.push(
      warns(
        about,
        `UDP port ${mesh} of --mesh-port is taken, by a vtepd that runs already or by another program`,
        `ss -lunp 'sport = :${mesh}' names it; end it, or choose another --mesh-port on all nodes`,
      ),
    )
  return found
}

function fileOf(protocol: 'udp'): (family: Family) => string {
  return (family) => `/proc/net/${protocol}${family === 'ipv4' ? '' : '6'}`
}

/** A socket of the kernel itself, as VXLAN's, has no inode. */
async function holdersOf(
  { readText }: CheckHost,
  files: readonly string[],
  port: number,
  state?: string,
): Promise<boolean> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const texts = await Promise.all(files.map(readText))
  return texts.some((text) =>
    (text ?? '').split('\n').some((line) => {
      const [, local = '', , status, , , , , , inode] = line.trim().split(/\s+/)
      return (
        local.endsWith(`:${hex}`) && (state === undefined || status === state) && inode !== undefined && inode !== '0'
      )
    }),
  )
}
