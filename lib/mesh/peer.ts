/** One peer as probes know it. Data, in one class, since there may be 100,000 of them. Must not: judge what it holds (prober.ts). */
import type { Ip } from '../net/ip.ts'
import { Counts, type LossCounts } from './counts.ts'
import type { Examination } from './examination.ts'
import type { MeshState, NarrowPath } from './verdict.ts'

export interface MeshTarget {
  /** The address of its VXLAN device. */
  readonly overlay: Ip
  readonly underlay: Ip
}

export interface MeshPeer extends MeshTarget {
  readonly node: string
  readonly state: MeshState
  /** Since when, Clock milliseconds. */
  readonly since: number
  /** Of the last answer over the overlay; undefined: none yet. Milliseconds. */
  readonly rtt: number | undefined
  readonly loss: LossCounts
  readonly underlayAnswers: boolean | undefined
  readonly narrow: NarrowPath | undefined
  /** Why the kernel of this host refused to send the last question that it refused: an errno's name. */
  readonly refused: string | undefined
}

/** Some 400 bytes. */
export class Peer implements MeshPeer {
  state: MeshState = 'silent'
  since: number
  rtt: number | undefined = undefined
  underlayAnswers: boolean | undefined = undefined
  narrow: NarrowPath | undefined = undefined
  refused: string | undefined = undefined
  answeredEver = false
  heardAt = Number.NEGATIVE_INFINITY
  /** The first question over the overlay since its last answer that was not answered; infinite: there is none. */
  missedAt = Number.POSITIVE_INFINITY
  visits = 0
  lookAt = 0
  examinedAt = Number.NEGATIVE_INFINITY
  examination: Examination | undefined = undefined
  /** In the order of visits. */
  place = -1
  readonly node: string
  readonly overlay: Ip
  readonly underlay: Ip
  readonly counts: Counts

  constructor(node: string, { overlay, underlay }: MeshTarget, session: number, now: number) {
    this.node = node
    this.overlay = overlay
    this.underlay = underlay
    this.counts = new Counts(session)
    this.since = now
  }

  get loss(): LossCounts {
    return this.counts.loss
  }
}
