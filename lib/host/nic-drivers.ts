/** Which drivers are behind a link, from sysfs. Must not: judge them. */
import { readdir, readlink } from 'node:fs/promises'
import path from 'node:path'

const NET = '/sys/class/net'
/** A VLAN on a bond of two on a bridge is three deep. */
const DEEPEST = 8

/** Of the link and of all below it (bond, bridge port, VLAN), each once; none for what is virtual or cannot be read. */
export async function nicDrivers(ifname: string, net = NET): Promise<readonly string[]> {
  const drivers = new Set<string>()
  let names: readonly string[] = [ifname]
  for (let depth = 0; names.length > 0 && depth < DEEPEST; depth += 1) {
    const below: string[] = []
    for (const name of names) {
      const driver = await readlink(path.join(net, name, 'device', 'driver')).catch(() => undefined)
      if (driver !== undefined) drivers.add(path.basename(driver))
      for (const entry of await readdir(path.join(net, name)).catch((): readonly string[] => []))
        if (entry.startsWith('lower_')) below.push(entry.slice('lower_'.length))
    }
    names = below
  }
  return [...drivers]
}
