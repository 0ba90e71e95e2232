/** Which templates a tenant uses, and what it gives to their parameters. */
import type { Place } from '../config/findings.ts'
import type { Origin } from '../config/composed.ts'
import { meant, nearest } from '../config/nearest.ts'
import { kindOf, valueAt } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { isMapping } from './merge-layers.ts'
import { type Arguments, GIVEN, type Template } from './template.ts'

/** A template with everything that it needs. */
export interface Used {
  readonly template: Template
  readonly args: Arguments
  readonly via: Place
}

/**
 * The templates that an entry names, with their arguments; those that cannot be used are left out after reporting. `missed` says
 * whether a missing one has been told of elsewhere.
 */
export function usedTemplates(
  value: Readonly<Record<string, unknown>>,
  path: Path,
  report: Report,
  shelf: ReadonlyMap<string, Template>,
  missed: (name: string) => boolean,
): Used[] {
  const use = value['use']
  const given = value['with']
  if (given !== undefined && !isMapping(given))
    report.error(
      [...path, 'with'],
      `expected a mapping, found ${kindOf(given)}`,
      'write for example { siem: 10.0.0.1 }',
    )
  if (given !== undefined && use === undefined)
    report.error([...path, 'with'], 'has no meaning without `use`', 'name the template with `use:`', {
      at_key: true,
    })
  const list = Array.isArray(use)
  const names: readonly unknown[] = use === undefined ? [] : list ? use : [use]
  const templates = names.flatMap((name, index): Template[] => {
    const at = list ? [...path, 'use', index] : [...path, 'use']
    const template = typeof name === 'string' ? shelf.get(name) : undefined
    if (template !== undefined) return [template]
    const known = [...shelf.keys()]
    if (typeof name !== 'string') report.error(at, `expected the name of a template, found ${kindOf(name)}`)
    else if (!missed(name)) {
      // Not one that nobody uses, too.
      const near = shelf.get(nearest(name, known) ?? '')
      if (near !== undefined) near.used = true
      report.error(
        at,
        `there is no template ${quoted(name)}`,
        known.length === 0 ? 'define it under `templates:`' : meant(name, known),
      )
    }
    return []
  })
  for (const template of templates) template.used = true
  const parameters = isMapping(given) ? given : {}
  if (templates.length === names.length && !templates.some(({ broken }) => broken))
    checkGiven(parameters, templates, [...path, 'with'], report)
  const via = report.place([...path, 'use'])
  return templates.flatMap((template) => {
    const args = argumentsOf(template, value, parameters, path, report)
    return args === undefined ? [] : [{ template, args, via }]
  })
}

function checkGiven(
  given: Readonly<Record<string, unknown>>,
  templates: readonly Template[],
  path: Path,
  report: Report,
): void {
  const known = templates.flatMap(({ parameters }) => [...parameters.keys()])
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const which = templates.map((template) => template.name).join(', ')
    report.error(
      [...path, name],
      `template ${which} has no parameter ${quoted(name)}`,
      meant(name, known, 'parameters are'),
      {
        at_key: true,
      },
    )
  }
}

/** Every parameter's value; undefined after reporting those that are missing. */
function argumentsOf(
  template: Template,
  tenant: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  path: Path,
  report: Report,
): Arguments | undefined {
  const { yaml, references } = report
  const args = new Map<string, { value: unknown; origin: Origin }>()
  for (const name of GIVEN) {
    const below = name === 'tenant' ? ['name'] : name.split('.')
    const value = valueAt(tenant, below)
    if (value !== undefined)
      args.set(name, { value, origin: { yaml, references, path: [...path, ...below], from: '' } })
  }
  const missing: string[] = []
  for (const [name, parameter] of template.parameters) {
    const origin = { yaml, references, path: [...path, 'with', name], from: '' }
    if (Object.hasOwn(given, name)) args.set(name, { value: given[name], origin })
    else if (parameter.required) missing.push(name)
    else {
      const { yaml: file, references: own } = template.report
      const at = { yaml: file, references: own, path: parameter.path, from: `template ${template.name}` }
      args.set(name, { value: parameter.value, origin: at })
    }
  }
  if (missing.length === 0) return args
  const mistyped = 'with' in tenant ? Object.keys(given) : Object.keys(tenant)
  const meantBy = 'with' in tenant ? [...template.parameters.keys()] : ['with']
  const unknown = mistyped.filter((key) => !meantBy.includes(key)).map((key) => nearest(key, meantBy))
  // A key that is told of already.
  const untold = missing.filter((name) => !unknown.includes('with' in tenant ? name : 'with'))
  if (untold.length === 0) return undefined
  const names = untold.map((name) => `\`${name}\``).join(', ')
  const hint = `write with: { ${untold[0] ?? ''}: … }`
  report.error([...path, 'use'], `template ${quoted(template.name)} needs ${names}`, hint)
  return undefined
}
