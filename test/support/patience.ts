/**
 * How long tests wait for what must come: bounds, not measures. On a machine that is many times slower than a developer's
 * (an emulated one: scripts/kernels.mjs) VTEPD_TEST_PATIENCE multiplies all of them.
 */

const FACTOR = Number(process.env.VTEPD_TEST_PATIENCE ?? 1)

/** `ms` on a machine of this speed. */
export function patience(ms: number): number {
  return ms * FACTOR
}
