/** `logweir inventory pull`: tenants from Cloud Director. */
import { type CliArgs, type CliCommand, ADMIN_OPTION, CONFIG_OPTION, JSON_OPTION } from './command.ts'

export const inventory: CliCommand = {
  name: 'inventory',
  summary: 'read tenants from Cloud Director into rules files',
  argument: { name: 'action', summary: 'what to do', choices: ['pull'] },
  options: [
    { name: 'url', kind: 'text', value: 'URL', summary: 'Cloud Director: https://vcd.example.com' },
    {
      name: 'token',
      kind: 'text',
      value: 'REF',
      summary: 'where the API token stands: env:NAME (LOGWEIR_VCD_TOKEN when left out) or file:PATH',
    },
    {
      name: 'org',
      kind: 'text',
      value: 'NAME',
      summary: 'the token is of this organisation, not of the provider',
    },
    {
      name: 'ca',
      kind: 'text',
      value: 'FILE',
      summary: 'PEM of a private CA, believed beside the public ones',
    },
    {
      name: 'to',
      kind: 'text',
      value: 'DIR',
      summary: 'folder of the files; `inventory` in the rules folder when left out',
    },
    {
      name: 'grace',
      kind: 'text',
      value: 'TIME',
      summary: 'how long something gone is kept; 24h when left out',
    },
    {
      name: 'max-loss',
      kind: 'text',
      value: 'SHARE',
      summary: 'share of the objects of a kind that one reading may lack; 20% when left out',
    },
    { name: 'timeout', kind: 'text', value: 'TIME', summary: 'for a whole reading; 5m when left out' },
    { name: 'dry-run', kind: 'flag', summary: 'show the difference, change nothing' },
    {
      name: 'watch',
      kind: 'text',
      value: 'TIME',
      summary: 'do it again that often, and make the router reload',
    },
    CONFIG_OPTION,
    ADMIN_OPTION,
    JSON_OPTION,
  ],
  example: [
    'logweir inventory pull --url https://vcd.example.com --token env:LOGWEIR_VCD_TOKEN --dry-run',
    'logweir inventory pull --url https://vcd.example.com --token file:/run/secrets/vcd --watch 5m',
  ],
  run: async (args: CliArgs) => {
    const { runInventory } = await import('./inventory-pull.ts')
    return runInventory(args)
  },
}
