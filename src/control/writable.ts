/** Whether a folder can be written, asked of the system. */
import { accessSync, constants } from 'node:fs'

export function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
