/**
 * Hears what touches an adapter's tables of nftables, for as long as it lives: opened again, with patience, where the socket
 * cannot be had or fails. Owns one monitor and one timer. Must not: know what is right in those tables.
 */
import type { NftMonitor, NftWatched, OpenNftMonitor } from '../rtnl/nft-monitor.ts'
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { messageOf } from '../util/message-of.ts'
import type { FilterNote } from './port.ts'

export interface NftEars {
  /** While nothing is heard: that, in words, for a FilterResult. */
  readonly notes: readonly FilterNote[]
  close(): void
}

export interface NftEarsParts {
  readonly open: OpenNftMonitor
  readonly watched: readonly NftWatched[]
  readonly clock: Clock
  /** Something was touched, or may have been. */
  readonly onDamage: () => void
}

const FIRST_MS = 100
const LONGEST_MS = 30_000

export function createNftEars({ open, watched, clock, onDamage }: NftEarsParts): NftEars {
  const backoff = createBackoff({ firstMs: FIRST_MS, maxMs: LONGEST_MS })
  let monitor: NftMonitor | undefined
  let retry: Timer | undefined
  let deaf = ''

  const listen = (): void => {
    try {
      monitor = open({
        watched,
        onNews(news) {
          const end = news.find(({ type }) => type === 'closed')
          if (end?.type === 'closed') lost(end.errnoName)
          else backoff.reset()
          onDamage()
        },
      })
      deaf = ''
    } catch (error) {
      lost(messageOf(error))
    }
  }
  const lost = (because: string): void => {
    deaf = because
    retry = clock.after(backoff.next(), () => {
      listen()
      // What happened in between was not heard.
      onDamage()
    })
  }
  listen()

  return {
    get notes() {
      const text = `changes of nftables are not heard (${deaf}): rules that somebody removes are missed for up to a minute`
      return deaf === '' ? [] : [{ key: 'filter.unheard', text }]
    },
    close() {
      retry?.cancel()
      monitor?.close()
    },
  }
}
