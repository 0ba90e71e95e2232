/** Looks at a file before SQLite does: what it is, without following links, rolling back or reading more than its head. */
import { errorCode, errorText } from '../base/errors.ts'
import { lstatOf, readStart } from './safe-files.ts'
import { APPLICATION_ID, READABLE, SPOOL_VERSION } from './spool-file.ts'

const MAGIC = 'SQLite format 3\0'
const USER_VERSION_AT = 60
const APPLICATION_AT = 68
const HEAD_BYTES = 100

export type Inspection =
  /** `journal`: a crash left a transaction, so the head may be half-written and the size may change. */
  | { readonly is: 'spool'; readonly size: number; readonly journal: boolean }
  /** Made by a process that died before its first commit. */
  | { readonly is: 'empty' }
  | { readonly is: 'newer'; readonly version: number; readonly size: number }
  /** It cannot be read now: left where it is. */
  | { readonly is: 'unreadable'; readonly reason: string }
  | { readonly is: 'damaged'; readonly reason: string }

export function inspect(path: string): Inspection {
  try {
    const { start, size } = readStart(path, HEAD_BYTES)
    const journal = hasJournal(`${path}-journal`)
    if (size === 0) return { is: 'empty' }
    const ours = start.length === HEAD_BYTES && start.toString('latin1', 0, MAGIC.length) === MAGIC
    if (ours && start.readUInt32BE(APPLICATION_AT) === APPLICATION_ID) {
      const version = start.readUInt32BE(USER_VERSION_AT)
      if (version > SPOOL_VERSION) return { is: 'newer', version, size }
      if (READABLE.includes(version)) return { is: 'spool', size, journal }
    }
    // The journal may hold the head as it was.
    if (journal) return { is: 'spool', size, journal }
    return { is: 'damaged', reason: 'not a spool file' }
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ELOOP' || code === 'EISDIR' || code === 'ENXIO') {
      return { is: 'damaged', reason: 'a link or not a regular file' }
    }
    return { is: 'unreadable', reason: errorText(error) }
  }
}

/** Whether a rollback journal with something in it lies there. A journal that is no file makes the spool file unusable. */
function hasJournal(path: string): boolean {
  const found = lstatOf(path)
  if (found === undefined) return false
  if (!found.isFile()) throw Object.assign(new Error('its journal is not a file'), { code: 'ELOOP' })
  if (found.size === 0) return false
  return readStart(path, 1).start[0] !== 0
}
