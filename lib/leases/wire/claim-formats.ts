/** Claims on the wire, as the formats by which Nodes are followed. A custom resource is JSON, whatever is asked for. Must not: follow. */
import type { AnnotationKeys } from '../annotations.ts'
import { projectClaim } from './claim-facts.ts'
import type { NodeFormats } from './kube-formats.ts'
import { createJsonFormat } from './kube-json.ts'

/** Each Node that it tells has `claim`. */
export function createClaimFormats(keys: AnnotationKeys): NodeFormats {
  const format = createJsonFormat(undefined, (object) => projectClaim(object, keys))
  return { of: () => format }
}
