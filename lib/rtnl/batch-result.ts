/** What the addon says of a batch, as the port has it. Must not: judge a refusal. */

import type { BatchOutcome } from '../addon/addon.ts'
import { errnoName } from '../addon/errno.ts'
import { BatchError } from '../errors.ts'
import type { BatchResult } from './port.ts'

/** -1: the answer was lost, or the entry was not sent any more. */
const UNKNOWN = -1

/** `length`: of the batch, which an outcome that never came to it says nothing of. */
export function batchResult({ errnos, failed, failedText, texts }: Partial<BatchOutcome>, length: number): BatchResult {
  const all = errnos ?? new Int32Array(length).fill(UNKNOWN)
  const failures = Array.from(failed ?? [], (index, i) => {
    const errno = all[index] ?? 0
    return { index, errno, errnoName: errnoName(errno), extack: texts?.[failedText?.[i] ?? 0] ?? '' }
  })
  // An entry that cannot be sent is noted before the kernel's answers to those before it.
  failures.sort((a, b) => a.index - b.index)
  let unknown = 0
  for (let i = 0; i < all.length; i += 1) if (all[i] === UNKNOWN) unknown += 1
  return { errnos: all, failures, unknown }
}

/** The result of a batch of which every entry was done; throws BatchError for another. */
export function wholeResult(result: BatchResult): BatchResult {
  if (result.failures.length > 0 || result.unknown > 0) throw new BatchError(result)
  return result
}
