/**
 * The other programs of the namespace: what a person with iproute2, NetworkManager or udevd does to it. Test code acts
 * through this door; its results are errno names, undefined for done, and never exceptions.
 * Must not: offer what no program could do (that is index.ts).
 */

import { FR_ACT_BLACKHOLE, FR_ACT_PROHIBIT, FR_ACT_UNREACHABLE } from '../../../lib/addon/abi.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../../lib/net/lladdr.ts'
import type { AddressFlags, LinkChange, Rule } from '../../../lib/rtnl/port.ts'
import { addAddress, deleteAddress } from './addresses.ts'
import { ADMINISTRATOR_PID, type Administrator, type AdminRule, type LinkOptions } from './administration.ts'
import { entryWriters, nameOf, type On } from './administrator-entries.ts'
import { plainLink } from './door.ts'
import { type Answer, ENODEV, errnoName, refuse } from './errnos.ts'
import { addAltname, changeLink, deleteAltname } from './link-changes.ts'
import { createLink, createVethPair, deleteLink, forgetAway, sendAway } from './links.ts'
import { addRule, deleteRule } from './rules.ts'
import { PLAIN_RULE, type State } from './state.ts'
import { planVxlan } from './vxlan.ts'

type Admin = Administrator<string | undefined>

export function createAdministrator(state: State): Admin {
  const on: On = (ifname, act) => {
    const ifindex = state.names.get(ifname)
    const link = ifindex === undefined ? undefined : state.links.get(ifindex)
    return nameOf(link === undefined ? refuse(ENODEV) : act(link.ifindex, link))
  }
  const change = (ifname: string, what: LinkChange) => on(ifname, (ifindex) => changeLink(state, ifindex, what))
  const address = (text: string) => {
    const [ip = '', length = ''] = text.split('/')
    return { ip: parseIp(ip), prefixLength: Number(length) }
  }

  return {
    ...linkMakers(state, on),
    ...entryWriters(state, on),
    deleteLink: (ifname) => on(ifname, (ifindex) => deleteLink(state, ifindex, ADMINISTRATOR_PID)),
    setUp: (ifname) => change(ifname, { up: true }),
    setDown: (ifname) => change(ifname, { up: false }),
    rename: (ifname, to) => change(ifname, { ifname: to }),
    addAltname: (ifname, altname) => on(ifname, (ifindex) => addAltname(state, ifindex, altname)),
    deleteAltname: (ifname, altname) => on(ifname, (ifindex) => deleteAltname(state, ifindex, altname)),
    setLladdr: (ifname, lladdr) => change(ifname, { lladdr: parseLladdr(lladdr) }),
    setMtu: (ifname, mtu) => change(ifname, { mtu }),
    setMaster: (ifname, master) =>
      master === null
        ? change(ifname, { master: null })
        : on(master, (ifindex) => {
            const port = state.names.get(ifname)
            return port === undefined ? refuse(ENODEV) : changeLink(state, port, { master: ifindex })
          }),
    sendAway: (ifname) => on(ifname, (ifindex) => sendAway(state, ifindex, ADMINISTRATOR_PID)),
    deleteAway(ifname) {
      const link = [...state.away.values()].find((away) => away.ifname === ifname)
      if (link === undefined) return errnoName(ENODEV)
      forgetAway(state, link.ifindex)
      return undefined
    },
    addAddress: (ifname, text, flags = {}) =>
      on(ifname, (ifindex) =>
        addAddress(
          state,
          { ifindex, ...address(text), noDad: flags.tentative !== true, flags: cleanFlags(flags) },
          ADMINISTRATOR_PID,
        ),
      ),
    addRule: (rule) => nameOf(addRule(state, rule.family, ruleOf(rule), ADMINISTRATOR_PID)),
    deleteRule: (rule) => nameOf(deleteRule(state, rule.family, ruleOf(rule), ADMINISTRATOR_PID)),
    setForwarding(on) {
      state.forwarding = on
      return undefined
    },
    removeAddress: (ifname, text) =>
      on(ifname, (ifindex) => deleteAddress(state, { ifindex, ...address(text) }, ADMINISTRATOR_PID)),
  }
}

function linkMakers(state: State, on: On): Pick<Admin, 'addVeth' | 'addBridge' | 'addMacvlan' | 'addVxlan'> {
  const plain = (kind: string, ifname: string, options: LinkOptions = {}, offset = 0) =>
    plainLink(state, kind, { ifname, ...sizes(options) }, offset)
  return {
    addVeth: (ifname, peer, options = {}) => {
      const far = plain('veth', peer, options.peerLladdr === undefined ? {} : { lladdr: options.peerLladdr }, 1)
      return nameOf(createVethPair(state, plain('veth', ifname, options), far, ADMINISTRATOR_PID))
    },
    addBridge: (ifname, options) => nameOf(createLink(state, plain('bridge', ifname, options), {}, ADMINISTRATOR_PID)),
    addMacvlan: (ifname, parent, options) =>
      on(parent, (ifindex, link) =>
        createLink(
          state,
          { ...plain('macvlan', ifname, { mtu: link.mtu, ...options }), parent: ifindex },
          {},
          ADMINISTRATOR_PID,
        ),
      ),
    addVxlan(ifname, options) {
      const make = (parent: Ifindex | undefined, mtu: number): Answer => {
        const planned = planVxlan(state, {
          ifname,
          vni: options.vni,
          local: options.local === undefined ? undefined : parseIp(options.local),
          parent,
          lladdr: plain('vxlan', ifname, options).lladdr as Lladdr,
          mtu: options.mtu ?? mtu,
          port: options.port,
          learning: options.learning ?? false,
          gbp: options.gbp ?? false,
          metadata: options.metadata ?? false,
          txQueueLength: 1000,
        })
        return 'errno' in planned ? planned : createLink(state, planned, {}, ADMINISTRATOR_PID)
      }
      // Without a size asked for, a pinned device takes what its parent leaves, an unpinned one 1500.
      if (options.parent === undefined) return nameOf(make(undefined, 1500))
      return on(options.parent, (ifindex) => make(ifindex, Number.MAX_SAFE_INTEGER))
    },
  }
}

const ACTIONS = { blackhole: FR_ACT_BLACKHOLE, unreachable: FR_ACT_UNREACHABLE, prohibit: FR_ACT_PROHIBIT }

function ruleOf({
  priority,
  table = 254,
  action,
  not = false,
  from,
  to,
  iif,
  oif,
  fwmark,
  vxlanPort,
}: AdminRule): Rule {
  return {
    ...PLAIN_RULE,
    priority,
    table: action === undefined ? table : 0,
    action: action === undefined ? PLAIN_RULE.action : ACTIONS[action],
    inverted: not,
    src: from === undefined ? undefined : parseCidr(from),
    dst: to === undefined ? undefined : parseCidr(to),
    iif,
    oif,
    fwmark,
    more: vxlanPort ?? false,
  }
}

function sizes(options: LinkOptions): { mtu?: number; lladdr?: Lladdr } {
  return {
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.lladdr === undefined ? {} : { lladdr: parseLladdr(options.lladdr) }),
  }
}

function cleanFlags(flags: { readonly tentative?: boolean; readonly deprecated?: boolean }): Partial<AddressFlags> {
  return {
    ...(flags.tentative === undefined ? {} : { tentative: flags.tentative }),
    ...(flags.deprecated === undefined ? {} : { deprecated: flags.deprecated }),
  }
}
