/**
 * Which lladdr this node's device shall have: what the leases file says; else what was published or saved before; else a
 * random one, saved before anybody sees it, so that a restart uses it again.
 * Must not: look at the device (the device machine lets a device that exists keep its own).
 */
import type { OwnNode } from '../cluster/lease.ts'
import type { Family } from '../net/ip.ts'
import { type Lladdr, randomLladdr } from '../net/lladdr.ts'
import type { Wanted } from '../overlay/device-machine/types.ts'

/** One file a device in the state folder (lib/leases/lladdr-store). */
export interface LladdrStore {
  load(): Promise<Lladdr | undefined>
  save(lladdr: Lladdr): Promise<void>
}

export interface OwnLladdr {
  /** `kind` of the source: what a leases file says is configured, what a Node's annotation says is only remembered. */
  choose(own: OwnNode, kind: 'kube' | 'file'): Promise<NonNullable<Wanted['lladdr']>>
  /** The machine settled on this one (an adopted device's): a restart shall find it. */
  remember(lladdr: Lladdr): Promise<void>
}

export function createOwnLladdr(family: Family, store: LladdrStore): OwnLladdr {
  let saved: Lladdr | undefined
  let made: Lladdr | undefined
  const remember = async (lladdr: Lladdr): Promise<void> => {
    if (saved === lladdr) return
    await store.save(lladdr)
    saved = lladdr
  }
  return {
    async choose(own, kind) {
      const told = own.lladdrs[family]
      if (told !== undefined && kind === 'file') return { value: told, authority: 'configured' }
      const value = made ?? told ?? (await store.load()) ?? randomLladdr()
      await remember(value)
      made = value
      return { value, authority: 'remembered' }
    },
    remember,
  }
}
