/**
 * Pages that nothing uses go back to the system. What a start needed for a moment (parsing, compiling) lies between what
 * stays, and the C library of most Linux systems gives such pages back only when it is asked, by `malloc_trim`. Node has
 * no way to ask. SQLite has one: its loader of extensions calls a function by its name in a library by its name.
 *
 * The function wants one number, what to leave at the end of its memory, and gets a pointer, so that it leaves the end
 * as it is; all before it goes. It answers whether something went, which SQLite takes for a failure. With another C
 * library there is no such function, and nothing happens.
 */
import Database from 'better-sqlite3'

const LIBRARY = 'libc.so.6'
const FUNCTION = 'malloc_trim'

/** As it is documented; its types know the library only. */
interface Loader {
  loadExtension(library: string, name: string): unknown
}

/** Takes milliseconds, in which no thread gets memory of the C library. Never throws. */
export function giveFreedPagesBack(): void {
  if (process.platform !== 'linux') return
  const db = new Database(':memory:')
  try {
    ;(db as unknown as Loader).loadExtension(LIBRARY, FUNCTION)
  } catch {
    // It says so when something went back, and when there is no such function.
  } finally {
    db.close()
  }
}
