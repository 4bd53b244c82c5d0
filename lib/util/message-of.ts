/** What an error says in one line, whatever was thrown. Must not: add where it happened; who tells it does. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
