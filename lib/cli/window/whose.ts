/** Asks the agent whose a name or an address is. Must not: choose among the rows. */
import { isIP } from 'node:net'
import type { PeerReport } from '../../agent/window/report.ts'
import { ConfigError } from '../../errors.ts'
import { type Ip, parseIp } from '../../net/ip.ts'
import { askAgent } from './ask.ts'

/** A word of the command line as an address; undefined: it is none. Throws ConfigError for IPv4 that is written as IPv6. */
export function addressOf(word: string): Ip | undefined {
  if (isIP(word) === 0) return undefined
  try {
    return parseIp(word)
  } catch (error) {
    throw new ConfigError(`argument '${word}'`, 'give an IPv4 address as such, an IPv6 address without a zone', {
      cause: error,
    })
  }
}

/** By node name, IPv4 first; `wanted` undefined: all. Rejects with HostError. */
export async function askPeers(
  agent: string,
  wanted: string | undefined,
  patienceMs?: number,
): Promise<readonly PeerReport[]> {
  const key = wanted === undefined ? undefined : addressOf(wanted) === undefined ? 'name' : 'address'
  const value = addressOf(wanted ?? '') ?? wanted ?? ''
  const question = key === undefined ? 'peers' : `peers?${new URLSearchParams({ [key]: value })}`
  const rows = await askAgent<PeerReport[]>(agent, question, patienceMs)
  return rows.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0))
}
