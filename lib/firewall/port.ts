/**
 * What a packet filter is to the agent, as types: one object for each tool and address family, which makes the wanted rules
 * be there and tells when they may have been damaged. nftables.ts and iptables.ts stand behind it; tests give a fake.
 * Must not: say which rules (ruleset.ts), nor when and how often anything is done (lib/agent).
 */
import type { Cidr } from '../net/cidr.ts'

/** `flannel`: flannel's rules to the letter. `corrected`: the same intent, without its mistakes (ruleset.ts says which). */
export type RuleStyle = 'corrected' | 'flannel'

/** Which tool's rules: `iptables` is either of its variants, whichever the host uses. */
export type FilterKind = 'nftables' | 'iptables'

/** The whole wish of one family; both prefixes are of it. */
export interface WantedRules {
  readonly network: Cidr
  /** Our own, inside `network`. */
  readonly subnet: Cidr
  /** What leaves the network gets this host's address. */
  readonly masquerade: boolean
  /** What is forwarded from and to the network is accepted. */
  readonly forward: boolean
  /** Masqueraded connections get random ports, so that two of them never claim the same one at once. */
  readonly fullyRandom: boolean
  readonly style: RuleStyle
}

/** Something that stands and is no failure: a wish that this host cannot fulfil, a trap. */
export interface FilterNote {
  /** Its event in the log (docs/errors.md), `filter.…`. */
  readonly key: string
  /** A sentence for people, the remedy with it. */
  readonly text: string
}

export type FilterResult =
  /** They were as wanted: nothing was written. */
  | { readonly outcome: 'right'; readonly notes: readonly FilterNote[] }
  /** They are as wanted since this call. `because`: what was not, in words. */
  | { readonly outcome: 'written'; readonly because: string; readonly notes: readonly FilterNote[] }
  /**
   * `because` has the tool's own words. `missing`: the rules are known not to be as wanted (they were looked at, and could
   * not be written); false: nothing is known, which is no proof of anything.
   */
  | { readonly outcome: 'failed'; readonly because: string; readonly missing: boolean }
  /** This host has no such tool, or its kernel no such tables: asking again helps only when something is installed. */
  | { readonly outcome: 'unsupported'; readonly because: string }

/** What is not as it should be, as the commands that would mend it. */
export interface CommandDifference {
  readonly commands: readonly string[]
  /** Why it cannot be told; null: it could. */
  readonly unknown: string | null
}

/** One call at a time. No method rejects for what the tool or the kernel does. */
export interface PacketFilter {
  readonly kind: FilterKind
  /**
   * Makes our rules be exactly these, whatever of ours was there before (another subnet's, another style's), in one step:
   * there is no moment without them. Idempotent; writes nothing where they are right; touches no rule of anybody else's.
   * With neither masquerade nor forward it is `remove`.
   */
  ensure(wanted: WantedRules): Promise<FilterResult>
  /**
   * Removes all that is ours, flannel's rules of the same names included. `right`: nothing of it was there. `dryRun`: nothing is
   * written, and `written` says that there is something to remove.
   */
  remove(options?: { readonly dryRun: boolean }): Promise<FilterResult>
  /** A fresh look beside what is wanted; writes nothing. */
  compare(wanted: WantedRules): Promise<CommandDifference>
  /**
   * From now on `onDamage` is called when something may have changed our rules, our own writes included, and when what was
   * heard is not whole. It only marks. At most one listener; ends with `close`.
   */
  watch(onDamage: () => void): void
  /** Nothing is heard any more; the rules stay. */
  close(): Promise<void>
}

/**
 * Names the chains of others that would drop what our rules accept, each with the remedy; an empty list: none was found.
 * undefined: it could not be looked, which is no proof. Reads only.
 */
export type FindForeignDrops = (
  wanted: Pick<WantedRules, 'network' | 'subnet'>,
) => Promise<readonly FilterNote[] | undefined>
