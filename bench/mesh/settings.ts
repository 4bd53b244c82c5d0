/** What the probes of the suite `mesh` have in common with an agent's defaults. Data only. */
export const MESH_PORT = 8473
export const MESH_RATE = 5
