/** What ends a lab: one line for people, and the log of the agent at fault where there is one. */

/** Not part of the package's error classes: it never leaves `vtepd lab`. */
export class LabError extends Error {
  /** The last log lines of the agent at fault, oldest first. */
  readonly log: readonly string[]
  constructor(message: string, options: { log?: readonly string[]; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'LabError'
    this.log = options.log ?? []
  }
}
