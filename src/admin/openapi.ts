/** The description of the admin interface, served at `/openapi.json`. */
const operator = [{ operatorToken: [] }]

export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'Logweir admin',
    version: '1',
    description: 'Health, metrics, status and reload of a running router.',
  },
  components: {
    securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer', description: 'data/admin.token' } },
  },
  paths: {
    '/healthz': { get: { summary: 'The process lives.', responses: { 200: { description: 'It does.' } } } },
    '/readyz': {
      get: {
        summary: 'Listeners are up, rules are loaded, the spool can be written.',
        responses: { 200: { description: 'Ready.' }, 503: { description: 'Not ready; `reason` says why.' } },
      },
    },
    '/metrics': {
      get: {
        summary: 'Metrics in Prometheus text form.',
        responses: { 200: { description: 'The metrics.' } },
      },
    },
    '/api/v1/status': {
      get: {
        summary: 'The ledger and the state of each forwarder.',
        security: operator,
        responses: { 200: { description: 'The ledger.' }, 401: { description: 'No or wrong token.' } },
      },
    },
    '/api/v1/reload': {
      post: {
        summary: 'Reads configuration and rules again; says what changed, or why not.',
        security: operator,
        responses: {
          200: { description: '`outcome` is accepted or rejected.' },
          401: { description: 'No or wrong token.' },
        },
      },
    },
  },
} as const
