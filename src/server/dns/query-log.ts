import { RCODES, typeName } from '../../platform/dns/codes.js';
import { questionName, readQuery } from '../../platform/dns/query.js';

const CODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODES).map(([name, code]) => [code, name]));

/** The fields of a query log's line that the messages themselves tell. */
export function describeExchange(message: Uint8Array, answer: Buffer): { name: string; type: string; code: string; octets: number } {
  const query = readQuery(message);
  const question = 'refusal' in query ? { name: '', type: '' } : { name: questionName(query), type: typeName(query.type) };
  const code = answer[3]! & 0x0f;
  return { ...question, code: CODE_NAMES.get(code) ?? String(code), octets: answer.length };
}
