/** Reads who imports whom between the folders of `src`, and says which of these arrows the layer table refuses. */
import path from 'node:path'

/** `to` under `any`: everything may be imported; under `types`: only what vanishes at run time. */
export interface Allowed {
  readonly any: readonly string[]
  readonly types?: readonly string[]
}

export interface Arrow {
  /** File below `src`, with line. */
  readonly at: string
  readonly from: string
  readonly to: string
  readonly file: string
  readonly typesOnly: boolean
}

const STATEMENT =
  /^[ \t]*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"](\.{1,2}\/[^'"]+)['"]|\bimport\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*\)|\bnew URL\(\s*['"](\.{1,2}\/[^'"]+\.[jt]s)['"]/gm

/** Every relative import, re-export, late import and worker URL of one file (`name` is its path below `src`). */
export function arrowsOf(name: string, text: string): Arrow[] {
  const code = withoutComments(text)
  return [...code.matchAll(STATEMENT)].map((match) => {
    const target = path.posix.join(path.posix.dirname(name), match[2] ?? match[3] ?? match[4] ?? '')
    const line = code.slice(0, match.index + match[0].search(/\S/)).split('\n').length
    return {
      at: `${name}:${line}`,
      from: folderOf(name),
      to: folderOf(target),
      file: target,
      typesOnly: match[1] !== undefined,
    }
  })
}

/** A sentence for each arrow that the table does not allow; a folder that the table does not know is refused too. */
export function refusals(arrows: readonly Arrow[], table: Readonly<Record<string, Allowed>>): string[] {
  const refused: string[] = []
  for (const arrow of arrows) {
    if (arrow.from === arrow.to) continue
    const allowed = table[arrow.from]
    if (allowed === undefined) refused.push(`${arrow.at}: ${arrow.from}/ is not in the layer table`)
    else if (allowed.any.includes(arrow.to)) continue
    else if (allowed.types?.includes(arrow.to) !== true)
      refused.push(`${arrow.at}: ${arrow.from}/ must not import ${arrow.file}: the arrow points up`)
    else if (!arrow.typesOnly)
      refused.push(`${arrow.at}: ${arrow.from}/ may import only types (\`import type\`) of ${arrow.file}`)
  }
  return refused
}

function folderOf(name: string): string {
  const [folder = '', ...rest] = name.split('/')
  return rest.length === 0 ? '(src itself)' : folder
}

/** Blanks, so that lines keep their numbers and an example in a comment is no import. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^[ \t]*\/\/.*$/gm, (comment) => ' '.repeat(comment.length))
}
