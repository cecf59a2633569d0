/**
 * Whether something published is what docs/schemas promises: those files, as they are committed, in a validator that knows
 * nothing of this repository. Invariant: a record of a schema that is not there is a problem, not a pass.
 */
import { readdir, readFile } from 'node:fs/promises';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const folder = new URL('../docs/schemas/', import.meta.url);

/** @returns for a record the words of what is wrong with it; null when nothing is. */
export async function publishedSchemas(): Promise<(record: unknown) => string | null> {
  // Strict: a keyword or a format that it does not know would otherwise promise nothing.
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  addFormats.default(ajv);
  const validators = new Map<string, ValidateFunction>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json'))) {
    const schema = JSON.parse(await readFile(new URL(file, folder), 'utf8'));
    validators.set(`kvs-infer/${file.slice(0, -'.json'.length)}`, ajv.compile(schema));
  }
  return (record) => {
    const name = String((record as { schema?: unknown }).schema);
    const validate = validators.get(name);
    if (validate === undefined) return `no schema for "${name}"`;
    return validate(record) ? null : `${name}: ${ajv.errorsText(validate.errors)}`;
  };
}
