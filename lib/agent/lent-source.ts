/**
 * A lease source that outlives the agent cores which use it, one after the other. Must not: hold a view or judge one.
 */
import type { LeaseSource } from '../leases/source.ts'

export interface LentSource<S extends LeaseSource> {
  readonly real: S
  /** For one core at a time; its `close` gives it back. */
  lend(): LeaseSource
  close(): Promise<void>
}

/** `onChange`: of the source, whoever has it. The source starts with the first who does. */
export function lendSource<S extends LeaseSource>(real: S, onChange: () => void): LentSource<S> {
  let listener: (() => void) | undefined
  let started = false
  const changed = (): void => {
    listener?.()
    onChange()
  }
  return {
    real,
    lend: () => ({
      kind: real.kind,
      view: () => real.view(),
      publish: (own) => real.publish(own),
      start(listen) {
        listener = listen
        if (!started) real.start(changed)
        started = true
      },
      async close() {
        listener = undefined
      },
    }),
    close: () => real.close(),
  }
}
