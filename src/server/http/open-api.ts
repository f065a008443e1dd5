import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { httpStatusOf } from '../transport/status.js';
import { VERSION } from '../../platform/version.js';
import { JSON_TYPE, type Answer, type Operation } from './api.js';
import { PROBLEM } from './api-schemas.js';
import { PROBLEM_TYPE } from './problem.js';

/** How the description describes itself. */
export const DESCRIPTION: Operation = {
  id: 'openapi',
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This description, OpenAPI 3.1.',
  answer: { status: 200, description: 'The description.', schema: v.looseObject({ openapi: v.string(), paths: v.looseObject({}) }) },
  refusals: [],
};

const JSON_SCHEMA = { target: 'draft-2020-12', typeMode: 'input', errorMode: 'ignore' } as const;

/**
 * The description of all operations, made of the schemas by which they read and of the codes with which they refuse.
 *
 * @see OpenAPI 3.1
 */
export function openApi(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: describe(operation) };
  return {
    openapi: '3.1.0',
    info: { title: 'network-controller', version: VERSION, description: 'Services, names and status over HTTPS. Every refusal is a problem document (RFC 9457); its code is explained in docs/errors.md.' },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: toJsonSchema(PROBLEM, JSON_SCHEMA) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'An API token: ncadm api-token create.' }, certificate: { type: 'mutualTLS', description: 'The certificate for calls of a node or an admin.' } },
    },
  };
}

function describe({ id, summary, path, scope, query, body, answer, refusals, statuses = [] }: Operation): object {
  const refused = new Set([...refusals.map(httpStatusOf), ...statuses]);
  return {
    operationId: id,
    summary,
    ...(scope !== undefined && { 'x-scope': scope, security: [{ token: [] }, { certificate: [] }] }),
    parameters: [...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })), ...parametersOf(query)],
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body.type, body.schema) } }),
    responses: {
      [answer.status]: { description: answer.description, ...(hasBody(answer) && { content: contentOf(answer.type ?? JSON_TYPE, answer.schema) }) },
      ...Object.fromEntries([...refused].sort().map((status) => [status, problem('Refused.')])),
      default: problem('Refused: too much at once, about to stop, too slow, or a fault of the server.'),
    },
  };
}

function parametersOf(query: v.GenericSchema | undefined): object[] {
  const entries = (query as v.StrictObjectSchema<v.ObjectEntries, undefined> | undefined)?.entries ?? {};
  return Object.entries(entries).map(([name, schema]) => ({ name, in: 'query', required: schema.type !== 'optional', schema: toJsonSchema(schema as v.GenericSchema, JSON_SCHEMA) }));
}

function hasBody({ schema, type }: Answer): boolean {
  return schema !== undefined || type !== undefined;
}

function contentOf(type: string, schema: v.GenericSchema | undefined): object {
  return { [type]: schema === undefined ? {} : { schema: toJsonSchema(schema, JSON_SCHEMA) } };
}

function problem(description: string): object {
  return { description, content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } } };
}
