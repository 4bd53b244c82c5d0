/**
 * Sets what this host has to have set (lib/way/sysctls.ts), or names it once where it may not or cannot; nothing announces a
 * sysctl, so they are looked at. Owns what was told, and the patience with a program that sets them back.
 * Must not: decide what is wanted.
 */
import type { CommandDifference } from '../firewall/port.ts'
import type { Family } from '../net/ip.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { type SysctlWish, sysctlName, sysctlRemedy, wantedSysctls, willDo } from '../way/sysctls.ts'
import type { Checked } from './checks.ts'
import type { Sysctl } from './device-ops.ts'

/** What stops all packets is looked at this often, the rest each second time. Milliseconds. */
const LOOK_MS = 5000
const SLOW = 2
/** Times that one is set at once, each within CALM_MS of the one before; then it is not set more often than each PATIENT_MS. */
const FREE = 3
const PATIENT_MS = 30_000
const CALM_MS = 600_000
const FORWARDING_IPV6 = 'net/ipv6/conf/all/forwarding'

export interface HostSettings extends Checked {
  /** A family or a device of ours has come or gone. */
  mark(): void
  /** A fresh look at what one family has to have set, as commands. */
  compare(family: Family): Promise<CommandDifference>
  stop(): Promise<void>
}

export interface HostSettingsParts {
  /** `warn`: what is not our device's is left alone. */
  readonly mode: 'set' | 'warn'
  /** Families of the moment, each with the name of its device where there is one. */
  readonly families: () => readonly { readonly family: Family; readonly device: string | undefined }[]
  readonly sysctl: Sysctl
  /** Links whose IPv6 routes come from router advertisements. */
  readonly advertisedLinks: () => Promise<readonly string[]>
  readonly clock: Clock
  readonly log: Log
  /** A bug. */
  readonly contain: (error: unknown) => void
  /** A check changed. */
  readonly onChange: () => void
}

export function createHostSettings(parts: HostSettingsParts): HostSettings {
  const { sysctl, clock, log } = parts
  /** By key: what was last told of it, and how often it was set. */
  const told = new Map<string, string>()
  const past = new Map<string, { readonly times: number; readonly at: number }>()
  /** They have their routes from advertisements, which must go on under forwarding; a link that is made anew forgets it. */
  const advertised = new Set<string>()
  let fault: string | undefined = 'is to be looked at'
  let looks = 0
  let seen = JSON.stringify(parts.families())
  let timer: Timer | undefined

  const isFought = (key: string, withinMs: number): boolean => {
    const { times, at } = past.get(key) ?? { times: 0, at: 0 }
    return times >= FREE && clock.now() - at < withinMs
  }
  const set = async ({ key, value, because, ours }: SysctlWish, now: string): Promise<string | undefined> => {
    if (parts.mode === 'warn' && !ours) return 'vtepd is not to set it (--host-sysctls=warn)'
    if (isFought(key, PATIENT_MS)) return 'another program sets it back again and again'
    const refused = key === FORWARDING_IPV6 ? await keepAdvertised(await parts.advertisedLinks()) : undefined
    if (refused !== undefined) return refused
    const outcome = await sysctl.write(key, value)
    if (!outcome.written) return `vtepd cannot set it: ${outcome.errno}`
    const before = past.get(key)
    const isCalm = before === undefined || clock.now() - before.at >= CALM_MS
    past.set(key, { times: isCalm ? 1 : before.times + 1, at: clock.now() })
    log.info('host.sysctl-set', `${sysctlName(key)} was ${now}, set to ${value}: ${because}`)
    return undefined
  }
  /** Before forwarding is on: the kernel drops those routes at that very moment. */
  const keepAdvertised = async (links: Iterable<string>): Promise<string | undefined> => {
    for (const link of links) {
      const key = `net/ipv6/conf/${link}/accept_ra`
      if ((await sysctl.read(key)) !== '1') continue
      const outcome = await sysctl.write(key, '2')
      if (!outcome.written)
        return `${link} has routes from router advertisements, which it would lose: sysctl -w ${sysctlName(key)}=2 first (${outcome.errno})`
      advertised.add(link)
      log.info(
        'host.sysctl-set',
        `${sysctlName(key)} was 1, set to 2: its router is heard also when packets are forwarded`,
      )
    }
    return undefined
  }
  /** Why it is not as it has to be, in words. */
  const look = async (wish: SysctlWish): Promise<string | undefined> => {
    const now = await sysctl.read(wish.key)
    if (now === undefined) return wish.missing
    const all = wish.key.endsWith('/rp_filter') ? await sysctl.read('net/ipv4/conf/all/rp_filter') : undefined
    const isRight = willDo(wish, now, all)
    const refused = isRight ? undefined : await set(wish, now)
    return refused && `${sysctlName(wish.key)} is ${now}, and ${refused}: ${sysctlRemedy(wish)}`
  }
  const tell = (wish: SysctlWish, sentence: string | undefined): void => {
    // That of forwarding stands, and lib/way tells it with the link that is concerned.
    if (sentence !== undefined && !wish.forwards && ![...told.values()].includes(sentence))
      log.warn('host.sysctl', `${sentence} (${wish.because})`)
    if (sentence !== undefined) told.set(wish.key, sentence)
    else if (!isFought(wish.key, CALM_MS)) told.delete(wish.key)
  }
  const lookAtAll = async (): Promise<void> => {
    const all = looks % SLOW === 0
    looks += 1
    const faults: string[] = []
    for (const { family, device } of parts.families())
      for (const wish of wantedSysctls(family, device)) {
        if (!wish.forwards && !all) continue
        const sentence = await look(wish)
        tell(wish, sentence)
        if (wish.forwards && sentence !== undefined) faults.push(sentence)
      }
    await keepAdvertised(advertised)
    const before = fault
    fault = faults.length === 0 ? undefined : faults.join('; ')
    if (before !== fault) parts.onChange()
  }
  const later = (): void => {
    timer?.cancel()
    timer = clock.after(LOOK_MS, () => loop.mark())
  }
  const loop = createDirtyLoop(
    async () => {
      await lookAtAll()
      later()
    },
    (error) => {
      parts.contain(error)
      later()
    },
  )
  loop.mark()
  return {
    get checks() {
      return [{ name: 'forwarding', fault }]
    },
    mark() {
      const now = JSON.stringify(parts.families())
      if (now === seen) return
      seen = now
      looks = 0
      loop.mark()
    },
    async compare(family) {
      const commands: string[] = []
      for (const { device } of parts.families().filter((one) => one.family === family))
        for (const wish of wantedSysctls(family, device)) {
          const now = await sysctl.read(wish.key)
          const all = wish.key.endsWith('/rp_filter') ? await sysctl.read('net/ipv4/conf/all/rp_filter') : undefined
          if (now !== undefined && !willDo(wish, now, all))
            commands.push(`sysctl -w ${sysctlName(wish.key)}=${wish.value}`)
        }
      return { commands, unknown: null }
    },
    async stop() {
      await loop.stop()
      timer?.cancel()
    },
  }
}
