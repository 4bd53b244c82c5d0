/**
 * Answers the questions of known peers, of nobody else, and counts them. Owns the counts. Must not: send more than it was sent, nor
 * more than MOST_A_SECOND.
 */
import type { Clock } from '../util/clock.ts'
import { encodeAnswer, type ProbePath, type Question } from './datagram.ts'

export interface Responder {
  /** The answer to a question of `node`; undefined: there were too many of late. */
  answer(node: string, question: Question): Uint8Array | undefined
  /** Who is not known any more is forgotten. */
  keep(isKnown: (node: string) => boolean): void
}

/** Of all peers: 100 times as many as are asked on average. */
const MOST_A_SECOND = 500

interface Heard {
  session: number
  received: number
}

export function createResponder(clock: Pick<Clock, 'now'>): Responder {
  const heard: Readonly<Record<ProbePath, Map<string, Heard>>> = { overlay: new Map(), underlay: new Map() }
  let second = Number.NEGATIVE_INFINITY
  let answers = 0

  const isTooMany = (): boolean => {
    const now = clock.now()
    if (now - second >= 1000) {
      second = now
      answers = 0
    }
    answers += 1
    return answers > MOST_A_SECOND
  }
  return {
    answer(node, { path, token, session }) {
      const of = heard[path]
      const known = of.get(node)
      const received = known?.session === session ? known.received + 1 : 1
      if (known === undefined) of.set(node, { session, received })
      else Object.assign(known, { session, received })
      return isTooMany() ? undefined : encodeAnswer({ kind: 'answer', path, token, session, received })
    },
    keep(isKnown) {
      for (const of of Object.values(heard)) for (const node of of.keys()) if (!isKnown(node)) of.delete(node)
    },
  }
}
