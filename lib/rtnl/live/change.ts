/** What a live table tells of its changes. Data only. */

/** One change of a live table. */
export type Change<V> =
  /** `old`: what it replaced; undefined: there was nothing under its key. */
  | { readonly type: 'set'; readonly value: V; readonly old: V | undefined }
  | { readonly type: 'deleted'; readonly old: V }
  /** Only in `changes()`: so many changes waited that they were dropped. Read the table itself, it has them all. */
  | { readonly type: 'lost' }
