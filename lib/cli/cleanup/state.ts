/**
 * What agents noted in the state folder of the devices that they kept: that they existed, their MAC address, the network.
 * Must not: judge what is ours (scope.ts), nor fail for what cannot be read: the rest still tells something.
 */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { parseKept } from '../../agent/kept-value.ts'
import { isMissing, readBytesIfExists } from '../../host/files.ts'
import { type Cidr, cidrFamily, parseCidr } from '../../net/cidr.ts'
import { type Lladdr, parseLladdr } from '../../net/lladdr.ts'
import { messageOf } from '../../util/message-of.ts'
import { deviceNamed, deviceOfFile } from './devices.ts'

export interface KeptDevice {
  /** undefined: not kept, or not readable; so for `network`, which older agents did not keep. */
  readonly lladdr: Lladdr | undefined
  /** Of the device's family. */
  readonly network: Cidr | undefined
}

export interface KeptState {
  readonly folder: string
  /** By device name. */
  readonly devices: ReadonlyMap<string, KeptDevice>
  /** Why the folder is there and cannot be read: then nothing is known of who else was here. */
  readonly unreadable: string | undefined
  /** One sentence for each file that cannot be used. */
  readonly notes: readonly string[]
}

/** A note is one short line. */
const MAX_BYTES = 4096

/** Never rejects. A folder that does not exist is an empty one; links are not followed. */
export async function readState(stateDir: string): Promise<KeptState> {
  const folder = path.resolve(stateDir)
  const notes: string[] = []
  const devices = new Map<string, KeptDevice>()
  let files: ReadonlySet<string>
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name))
  } catch (error) {
    if (isMissing(error)) return { folder, devices, unreadable: undefined, notes }
    const unreadable = messageOf(error)
    return { folder, devices, unreadable, notes: [`what agents kept in ${folder} is not known: ${unreadable}`] }
  }
  const read = async <T>(device: string, field: string, parse: (text: string) => T): Promise<T | undefined> => {
    const name = `${device}.${field}.json`
    if (!files.has(name)) return undefined
    try {
      return parseKept(String(await readBytesIfExists(path.join(folder, name), MAX_BYTES)), field, parse)
    } catch (error) {
      notes.push(`${path.join(folder, name)} cannot be used: ${messageOf(error)}`)
      return undefined
    }
  }
  for (const device of new Set([...files].map(deviceOfFile))) {
    if (device === undefined) continue
    const lladdr = await read(device, 'lladdr', parseLladdr)
    const network = await read(device, 'network', (text) => networkOf(device, text))
    devices.set(device, { lladdr, network })
  }
  return { folder, devices, unreadable: undefined, notes }
}

function networkOf(device: string, text: string): Cidr {
  const network = parseCidr(text)
  if (cidrFamily(network) !== deviceNamed(device)?.family) throw new RangeError(`${network} is of the other family`)
  return network
}
