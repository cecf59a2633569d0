/**
 * Writes the JSON Schemas of the published records beside this file, from the zod types that the worker uses
 * (`npm run schemas`). A test fails when they differ, so that consumers can rely on what is committed.
 */
import { writeFile } from 'node:fs/promises';
import { recordJsonSchemas } from '../../core/records.ts';

for (const [name, schema] of Object.entries(recordJsonSchemas())) {
  await writeFile(new URL(name, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
