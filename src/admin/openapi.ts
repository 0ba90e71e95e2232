/** The description of the admin interface, served at `/openapi.json`. */
const operator = [{ operatorToken: [] }]
const forwarderParameters = ['tenant', 'forwarder'].map((name) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string' },
}))

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
        responses: {
          200: { description: 'Ready.' },
          503: { description: 'Not ready; `reason` says why (`draining`, …).' },
        },
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
    '/api/v1/forwarders/{tenant}/{forwarder}/pause': {
      post: {
        summary: 'Nothing more is given to the destination; what comes is queued and spooled.',
        description: 'Body, optional: `{"for": "2h", "reason": "…"}`. Kept over restarts.',
        security: operator,
        parameters: forwarderParameters,
        responses: {
          200: { description: '`pause` says since when and until when.' },
          400: { description: '`error` says what is wrong, `mend` what to do.' },
          401: { description: 'No or wrong token.' },
          404: { description: 'No such forwarder.' },
        },
      },
    },
    '/api/v1/forwarders/{tenant}/{forwarder}/test': {
      post: {
        summary: 'Resolves, connects, shakes hands, sends one event; says what happened at each step.',
        security: operator,
        parameters: forwarderParameters,
        responses: {
          200: { description: '`ok`, and `targets[].steps`.' },
          401: { description: 'No or wrong token.' },
          404: { description: 'No such forwarder.' },
          503: { description: 'Too many tests at once.' },
        },
      },
    },
    '/api/v1/forwarders/{tenant}/{forwarder}/purge': {
      post: {
        summary: 'Gives up what the forwarder has on disk, for good; counted as dropped `purged`.',
        security: operator,
        parameters: forwarderParameters,
        responses: {
          200: { description: '`events` and `bytes` that are gone.' },
          401: { description: 'No or wrong token.' },
          404: { description: 'No such forwarder.' },
        },
      },
    },
    '/api/v1/forwarders/{tenant}/{forwarder}/resume': {
      post: {
        summary: 'Ends a pause.',
        security: operator,
        parameters: forwarderParameters,
        responses: {
          200: { description: '`state` is `resumed` or `not paused`.' },
          401: { description: 'No or wrong token.' },
          404: { description: 'No such forwarder.' },
        },
      },
    },
    '/api/v1/diff': {
      get: {
        summary: 'What a reload would add, change, move or lose; nothing is changed.',
        security: operator,
        responses: { 200: { description: '`changes`.' }, 401: { description: 'No or wrong token.' } },
      },
    },
    '/api/v1/why/{tenant}': {
      get: {
        summary: 'What lies between the events of a tenant and its destinations.',
        security: operator,
        parameters: [{ name: 'tenant', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          200: { description: '`hints` says what is probably wrong.' },
          401: { description: 'No or wrong token.' },
          404: { description: 'No such tenant.' },
        },
      },
    },
    '/api/v1/drain': {
      get: {
        summary: 'Whether the node is drained, and what each forwarder still has.',
        security: operator,
        responses: {
          200: { description: '`state` is none, announced, closing, emptying or drained; `left` in events.' },
          401: { description: 'No or wrong token.' },
        },
      },
      post: {
        summary: 'Not ready any more; after the grace time listeners close, and what is held is delivered.',
        description: 'Body, optional: `{"grace": "10s"}`. Answers at once; not kept over restarts.',
        security: operator,
        responses: {
          200: { description: 'As for GET.' },
          400: { description: '`error` says what is wrong, `mend` what to do.' },
          401: { description: 'No or wrong token.' },
        },
      },
    },
    '/api/v1/drain/cancel': {
      post: {
        summary: 'Ends a drain: listeners open again.',
        security: operator,
        responses: {
          200: { description: 'As for GET of `/api/v1/drain`.' },
          401: { description: 'No or wrong token.' },
          503: { description: 'A listener cannot be opened, `error` says why: all stay closed.' },
        },
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
