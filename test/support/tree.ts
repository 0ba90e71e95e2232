/** The project's own files, as its checks of itself read them. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface SourceFile {
  /** Path below the project's root, with slashes. */
  readonly name: string
  readonly text: string
}

export const root = path.resolve(import.meta.dirname, '../..')

const NOT_OURS = new Set([
  '.git',
  'node_modules',
  'dist',
  'var',
  'coverage',
  '.peers',
  'package-lock.json',
  'LICENSE',
])
const TEXT =
  /(\.(ts|js|json|ya?ml|md|sh|html|css|toml|conf|service)|(^|\/)(run|Dockerfile|\.gitignore|\.editorconfig))$/

/** Every text file under `below` (the root without it) that people of this project write. */
export function files(below = ''): SourceFile[] {
  const found: SourceFile[] = []
  for (const entry of readdirSync(path.join(root, below), { withFileTypes: true })) {
    const name = path.posix.join(below, entry.name)
    if (NOT_OURS.has(entry.name) || name === 'bench/out') continue
    if (entry.isDirectory()) found.push(...files(name))
    else if (TEXT.test(name)) found.push({ name, text: readFileSync(path.join(root, name), 'utf8') })
  }
  return found
}
