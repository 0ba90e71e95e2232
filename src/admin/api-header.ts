/** In every answer of the admin interface: by it commands know that a router answers, and not something else that was named by mistake. */
export const API_HEADER = 'logweir-api'
export const API_VERSION = '1'
