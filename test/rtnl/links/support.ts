/** What the tests of links share: a namespace with the methods on it, `ip -json` of the same state, and kinds that may be missing. */
import type { TestContext } from 'node:test'
import { NetlinkError } from '../../../lib/errors.ts'
import { openNetlink } from '../../../lib/netlink/index.ts'
import { type Links, linksOver } from '../../../lib/rtnl/links/links.ts'
import { createNetns, type Netns } from '../../support/netns.ts'

/** A link as `ip -d -s -json link` tells it. */
export interface IpLink {
  readonly flags: readonly string[]
  readonly linkinfo?: { readonly info_data?: object; readonly info_slave_data?: object }
  readonly [key: string]: unknown
}

export interface Stage {
  readonly netns: Netns
  readonly links: Links
  /** `ip ARGS`, its words separated by spaces. */
  ip(args: string): Promise<string>
  told(ifname: string): Promise<IpLink>
}

export async function createStage(t: TestContext): Promise<Stage> {
  const netns = await createNetns(t)
  const netlink = openNetlink({ protocol: 'route', netns: netns.path })
  t.after(() => netlink.close())
  const ip = (args: string): Promise<string> => netns.exec('ip', ...args.split(' '))
  return {
    netns,
    links: linksOver(netlink),
    ip,
    told: async (ifname) => JSON.parse(await ip(`-d -s -json link show dev ${ifname}`))[0] as IpLink,
  }
}

/** What `make` makes; undefined, and the test is skipped by the name of what is missing, where this kernel does not know `what`. */
export async function ifKnown<T>(t: TestContext, what: string, make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.errnoName !== 'EOPNOTSUPP') throw error
    t.skip(`this kernel does not know ${what}`)
    return undefined
  }
}
