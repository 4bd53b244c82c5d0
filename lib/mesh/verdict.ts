/** What can be said of a peer from probes: names and facts. Data only. */

/**
 * `ok`: packets of every size come and go. `loss`: many of them do not. `path-mtu`: large ones are lost, or go in fragments.
 * `unreachable`: the underlay answers, the overlay does not. `one-way`: its questions arrive over the overlay, its answers do not.
 * `down`: it answered, and neither path does. `silent`: it never answered: a flannel, or an agent without probes.
 */
export type MeshState = 'ok' | 'loss' | 'path-mtu' | 'unreachable' | 'one-way' | 'down' | 'silent'

export const MESH_STATES: readonly MeshState[] = ['ok', 'loss', 'path-mtu', 'unreachable', 'one-way', 'down', 'silent']

export interface Verdict {
  readonly state: MeshState
  /** Whether the underlay address answers; undefined: it was not asked. */
  readonly underlay: boolean | undefined
  readonly narrow?: NarrowPath | undefined
}

/** A path that is too small for the packets that the device takes. */
export interface NarrowPath {
  /** The largest packet that gets through, its IP header included, bytes: inside (overlay) or outside (underlay) of VXLAN. */
  readonly mtu: number
  /** What it should take. */
  readonly wanted: number
  /** Where it was measured. `underlay`: larger outer packets arrive as fragments, so nothing is lost yet. */
  readonly path: 'overlay' | 'underlay'
}
