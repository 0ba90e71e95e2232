import { defineConfig } from 'vitest/config'

/** One project a folder: what question its tests answer, how they run, and how long one may take. */
const project = (name: string, include: string[], settings: Settings) => ({
  test: { name, include, testTimeout: settings.timeout, hookTimeout: settings.timeout, ...settings.run },
})

interface Settings {
  readonly timeout: number
  readonly run: { readonly pool: 'threads' | 'forks'; readonly fileParallelism?: boolean }
}

const folder = (name: string): string[] => [`test/${name}/**/*.test.ts`]
const threads = { pool: 'threads' } as const
/** Real sockets, processes, signals and native modules: a process a file, nothing shared. */
const forks = { pool: 'forks' } as const
const alone = { pool: 'forks', fileParallelism: false } as const

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/support/closing-line.ts', './test/support/results-reporter.ts'],
    projects: [
      project('architecture', ['test/*.test.ts'], { timeout: 10_000, run: threads }),
      project('unit', folder('unit'), { timeout: 10_000, run: threads }),
      project('property', folder('property'), { timeout: 60_000, run: threads }),
      project('model', folder('model'), { timeout: 60_000, run: threads }),
      project('integration', folder('integration'), { timeout: 60_000, run: forks }),
      project('peers', folder('peers'), { timeout: 120_000, run: alone }),
      project('faults', folder('faults'), { timeout: 120_000, run: alone }),
      project('soak', folder('soak'), { timeout: 24 * 3_600_000, run: alone }),
    ],
  },
})
