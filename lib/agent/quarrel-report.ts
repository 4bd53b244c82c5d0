/**
 * Says who undoes our repairs again and again, as far as that can be told. Must not: slow anything down (repair-limiter).
 */
import type { Log } from '../util/log.ts'

export interface QuarrelReport {
  /** The port ID of the last other program that touched something of ours; 0: the kernel did not say. */
  stranger(portId: number): void
  /** `what` in words; one line in the log, naming the process where it can be told. */
  report(what: string): void
}

export function createQuarrelReport(
  log: Log,
  nameOwner: (portId: number) => Promise<string | undefined>,
): QuarrelReport {
  let portId = 0
  const say = (what: string, who: string): void =>
    log.warn('repair.fight', `${what}: undone again and again by ${who}; repaired at most every 500 ms from now on`, {
      what,
      who,
      portId,
    })
  return {
    stranger(from) {
      portId = from
    },
    report(what) {
      const unnamed = portId === 0 ? 'another program' : `a program with netlink port ${portId} that cannot be named`
      nameOwner(portId).then(
        (name) => say(what, name ?? unnamed),
        () => say(what, unnamed),
      )
    },
  }
}
