/**
 * How many questions over the overlay reached a peer, and how many of its answers came back: the two directions apart, as the peer
 * tells with each answer how many it has heard. Owns the counts of one peer, some 80 bytes. Must not: judge them.
 */

/** Of the questions of a session each. */
export interface LossCounts {
  /** Parts of 1; undefined: too few questions yet. */
  readonly there: number | undefined
  readonly back: number | undefined
}

/** Questions after which the counting begins anew, so that what is told is of late. */
const SESSION = 64
/** Fewer say nothing. */
const LEAST = 16

export class Counts {
  /** 32 bits. */
  session: number
  #sent = 0
  #answers = 0
  /** With the last answer: what the peer had heard, and which question that was. */
  #received = 0
  #ofThose = 0
  #before: LossCounts = NOTHING

  constructor(session: number) {
    this.session = session
  }

  /** A question is about to be sent, of `session`. Returns which one of it that is, counted from 1. */
  sent(random: () => number): number {
    if (this.#sent >= SESSION) {
      const before = this.#loss()
      this.restart(random())
      this.#before = before
    }
    this.#sent += 1
    return this.#sent
  }

  /** What was counted is forgotten. */
  restart(session: number): void {
    this.session = session
    this.#before = NOTHING
    this.#sent = 0
    this.#answers = 0
    this.#received = 0
    this.#ofThose = 0
  }

  /** The question that was the `question`th of `session`; the peer has heard `received` of them. */
  answered(session: number, question: number, received: number): void {
    if (session !== this.session) return
    this.#answers += 1
    // Answers may overtake each other; a peer that was started anew counts from 1 again.
    if (received <= this.#received) return
    this.#received = Math.min(received, question)
    this.#ofThose = question
  }

  get loss(): LossCounts {
    return this.#ofThose < LEAST ? this.#before : this.#loss()
  }

  #loss(): LossCounts {
    if (this.#ofThose < LEAST) return NOTHING
    const there = (this.#ofThose - this.#received) / this.#ofThose
    return { there, back: Math.max(0, this.#received - this.#answers) / Math.max(1, this.#received) }
  }
}

const NOTHING: LossCounts = { there: undefined, back: undefined }
