/**
 * All objects of a collection. The first page says how many there are; the others are read several at a time, or one after the
 * other where the server gives links that only it understands. What came is counted: a collection that changed between two
 * pages is read again, and what is still not whole is refused.
 */
import { z } from 'zod'
import { refused, type Session } from './session.ts'

/** The most that the API gives. */
const PAGE_SIZE = 128
const PAGES_MAX = 4000
const READINGS = 3

const pageShape = z.object({
  resultTotal: z.int().min(0).optional(),
  pageCount: z.int().min(0).optional(),
  page: z.int().min(0).optional(),
  pageSize: z.int().min(1).max(10_000).optional(),
  values: z.array(z.unknown()).max(10_000),
})

interface Page {
  readonly total: number | undefined
  readonly size: number
  readonly values: readonly unknown[]
  /** Path of the next page where the server links it. */
  readonly next: string | undefined
}

/** Runs at most so many at once. */
export class Lanes {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async run<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((go) => this.#waiting.push(go))
    try {
      return await act()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}

/** Every object of `/cloudapi/1.0.0/<name>`, each once. `idOf` gives what makes it different from the others. */
export async function readCollection<Item>(
  session: Session,
  name: string,
  lanes: Lanes,
  shown: string,
  read: (value: unknown) => Item,
  idOf: (item: Item) => string,
): Promise<readonly Item[]> {
  for (let reading = 1; ; reading++) {
    const { values, total } = await readPages(session, name, lanes, shown)
    const items = values.map((value, index) => {
      try {
        return read(value)
      } catch (error) {
        throw refused(shown, `${name}: object ${index + 1} is not as the API says: ${wordsOf(error)}`)
      }
    })
    const different = new Set(items.map(idOf)).size
    if (different === items.length && (total === undefined || total === items.length)) return items
    if (reading === READINGS) {
      const message = `${name}: ${different} of ${total ?? items.length} objects came: it changes while it is read`
      throw refused(shown, message)
    }
  }
}

async function readPages(
  session: Session,
  name: string,
  lanes: Lanes,
  shown: string,
): Promise<{ values: unknown[]; total: number | undefined }> {
  const first = await lanes.run(() => readPage(session, pathOf(name, 1), shown, name))
  const { total } = first
  const pages = total === undefined ? undefined : Math.ceil(total / first.size)
  if (pages !== undefined && pages > PAGES_MAX) throw refused(shown, `${name}: more than ${PAGES_MAX} pages`)
  const linked = first.next !== undefined && !/[?&]page=2(?:&|$)/.test(first.next)
  if (pages === undefined || linked)
    return { values: await follow(session, first, name, lanes, shown), total }
  const numbers = Array.from({ length: Math.max(0, pages - 1) }, (_, n) => n + 2)
  const others = await Promise.all(
    numbers.map((page) => lanes.run(() => readPage(session, pathOf(name, page, first.size), shown, name))),
  )
  // Counted again by its objects: those that came twice, or not at all, show there.
  for (const other of others)
    if (other.total !== undefined && other.total !== total)
      return { values: [], total: Math.max(1, total ?? 1) }
  return { values: [first, ...others].flatMap(({ values }) => values), total }
}

/** One page after the other, by links, else by numbers, until all have come. */
async function follow(
  session: Session,
  first: Page,
  name: string,
  lanes: Lanes,
  shown: string,
): Promise<unknown[]> {
  const values = [...first.values]
  let last = first
  for (let page = 2; ; page++) {
    if (last.values.length === 0 || (last.total !== undefined && values.length >= last.total)) return values
    if (last.next === undefined && last.total === undefined && last.values.length < last.size) return values
    if (page > PAGES_MAX) throw refused(shown, `${name}: more than ${PAGES_MAX} pages`)
    const path = last.next ?? pathOf(name, page, first.size)
    last = await lanes.run(() => readPage(session, path, shown, name))
    values.push(...last.values)
  }
}

function pathOf(name: string, page: number, size = PAGE_SIZE): string {
  return `/cloudapi/1.0.0/${name}?page=${page}&pageSize=${size}`
}

async function readPage(session: Session, path: string, shown: string, name: string): Promise<Page> {
  const answer = await session.get(path)
  let value: unknown
  try {
    value = JSON.parse(answer.text)
  } catch {
    throw refused(shown, `${name}: a page is not JSON`)
  }
  const parsed = pageShape.safeParse(value)
  if (!parsed.success)
    throw refused(shown, `${name}: a page is not as the API says: ${wordsOf(parsed.error)}`)
  const { resultTotal, pageSize, values } = parsed.data
  return {
    total: resultTotal,
    size: pageSize ?? PAGE_SIZE,
    values,
    next: nextOf(answer.headers['link'], name),
  }
}

/** Path and query of the link to the next page; a link to anywhere else is none. */
export function nextOf(link: string | string[] | undefined, name: string): string | undefined {
  const lines = Array.isArray(link) ? link : [link ?? '']
  for (const one of lines.flatMap((line) => line.slice(0, 8192).split(/,(?=\s*<)/))) {
    const [target = '', ...parameters] = one.trim().split('>')
    if (!target.startsWith('<') || !/;\s*rel\s*=\s*"?nextPage"?(?:;|\s|$)/.test(parameters.join('>')))
      continue
    const url = URL.canParse(target.slice(1), 'https://vcd.invalid')
      ? new URL(target.slice(1), 'https://vcd.invalid')
      : undefined
    if (url === undefined || !url.pathname.endsWith(`/cloudapi/1.0.0/${name}`)) continue
    return `/cloudapi/1.0.0/${name}${url.search}`
  }
  return undefined
}

function wordsOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 200)
  }
  return error instanceof Error ? error.message.slice(0, 200) : 'unreadable'
}
