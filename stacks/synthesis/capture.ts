/**
 * Runs the deployment program with no Pulumi engine, no provider, no AWS and no SST command, and keeps every resource it
 * registers with its resolved inputs. Runs only in the child process that synthesise.ts starts.
 * Invariant: the program is sst.config.ts itself, run by the wrapper that `sst deploy` uses.
 */
// biome-ignore-all lint/suspicious/noExplicitAny: Pulumi hands over untyped values here
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { providerFunctions, resourceAnswer, restartIds } from './answers.ts';
import type { GraphData, Inputs, Resource } from './graph.ts';
import type { Scenario } from './scenario.ts';

/** How Pulumi marks a secret among a resource's inputs. */
const secretMark = ['4dabf18193072939515e22adb298388d', '1b47061264138c4ac30d75fd1eb44270'] as const;
/** Quiet looks, 10 ms apart, after which nothing more is expected. */
const quietLooks = 10;
const lookEveryMs = 10;

type SstConfig = { app(input: { stage: string }): any; run(): Promise<Inputs | undefined> };

/** Secrets arrive wrapped; a reader wants the value. Assets keep their path. */
function unwrap(value: any): any {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(unwrap);
  if (value[secretMark[0]] === secretMark[1]) return unwrap(value.value);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value.path === undefined ? {} : { path: value.path };
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unwrap(part)]));
}

/** What the SST command's own server answers to the components; bundling is left out, a missing handler is not. */
function sstServer(root: string, workFolder: string): Record<string, (input: any) => unknown> {
  return {
    'Provider.Aws.Bootstrap': () => ({
      asset: 'sst-asset-synthesis',
      assetEcrRegistryId: '123456789012',
      assetEcrUrl: 'synthesis.invalid/sst-asset',
      state: 'sst-state-synthesis',
      appsyncHttp: 'http.invalid',
      appsyncRealtime: 'realtime.invalid',
    }),
    'Runtime.Build': ({ handler, bundle, functionID }) => {
      const file = handler.replace(/\.[^./]+$/, '');
      const exported = handler.slice(file.length + 1);
      const folder = bundle ?? path.join(workFolder, functionID);
      if (bundle === undefined || bundle === null) {
        const source = path.join(root, `${file}.ts`);
        const declared = new RegExp(`export\\s+(async\\s+)?(const|function|let)\\s+${exported}\\b`);
        if (!fs.existsSync(source) || !declared.test(fs.readFileSync(source, 'utf8'))) {
          return { handler: '', out: '', errors: [`Handler not found: ${handler}`], sourcemaps: [] };
        }
        fs.mkdirSync(folder, { recursive: true });
        fs.writeFileSync(path.join(folder, `${path.basename(file)}.mjs`), '');
      }
      return { handler, out: folder, errors: [], sourcemaps: [] };
    },
    'Runtime.AddTarget': () => null,
  };
}

/**
 * Pulumi waits for registrations under way, but not for an asynchronous apply() that has yet to make one (SST zips each
 * function inside one). So wait until no file work is in flight and nothing new was seen.
 */
async function settled(seen: () => number): Promise<void> {
  for (let quiet = 0, last = -1; quiet < quietLooks; ) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    const isBusy = process.getActiveResourcesInfo().some((kind) => /^FSReq|^Zlib/i.test(kind));
    quiet = isBusy || seen() !== last ? 0 : quiet + 1;
    last = seen();
  }
}

export async function capture(root: string, { stage, settings }: Scenario): Promise<GraphData> {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'kvs-infer-synthesis-'));
  // The scenario's settings are all that the program sees of the environment.
  process.env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? work, ...settings };
  restartIds();

  const errors = new Set<string>();
  const failed = (error: unknown) => void errors.add(error instanceof Error ? error.message : String(error));
  // A failing Output rejects promises that nobody holds.
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', failed);

  const resources: Resource[] = [];
  let outputs: Inputs = {};
  let calls = 0;
  const about = new Map<
    string,
    Pick<Resource, 'dependsOn' | 'ignoreChanges' | 'retainOnDelete'> & { parent?: string }
  >();
  const g = globalThis as any;
  try {
    g.$config = (config: SstConfig) => config;
    g.$dev = false;
    const config = (await import('../../sst.config.ts')).default as unknown as SstConfig;
    const app = await config.app({ stage });
    g.$app = { protect: false, ...app, stage };
    const paths = { home: work, root, work, platform: path.join(root, '.sst/platform') };
    g.$cli = { command: 'deploy', dev: false, paths, state: { version: {} } };
    Object.assign(g, {
      $util: pulumi,
      $output: pulumi.output,
      $resolve: pulumi.all,
      $interpolate: pulumi.interpolate,
      $concat: pulumi.concat,
      $jsonParse: pulumi.jsonParse,
      $jsonStringify: pulumi.jsonStringify,
      $secrets: {},
    });
    await pulumi.runtime.setMocks(
      {
        newResource({ type, name, custom, inputs: raw }) {
          const inputs = unwrap(raw);
          const answer = custom === false ? { id: '' } : resourceAnswer(type, name, inputs);
          const state = { ...inputs, ...answer.state };
          const options = about.get(`${type}::${name}`) ?? { dependsOn: [], ignoreChanges: [], retainOnDelete: false };
          resources.push({ type, name, inputs, state, id: answer.id, ...options });
          return { id: answer.id, state };
        },
        call({ token, inputs }) {
          calls += 1;
          const answer = providerFunctions[token];
          if (answer === undefined) {
            failed(`no answer is known for the provider function ${token}: add it to stacks/synthesis/answers.ts`);
            throw new Error(`unknown provider function ${token}`);
          }
          return answer(unwrap(inputs));
        },
      },
      g.$app.name,
      stage,
      false,
    );
    const { rpc } = await import('sst-platform/components/rpc/rpc');
    const server = sstServer(root, work);
    (rpc as any).call = async (method: string, input: unknown) => {
      calls += 1;
      const answer = server[method];
      if (answer === undefined) throw new rpc.MethodNotFoundError(method);
      return answer(JSON.parse(JSON.stringify(input)));
    };
    // Only once the mocks are set; the same globals that `sst deploy` injects.
    const component = await import('sst-platform/components/component');
    Object.assign(g, {
      $transform: component.$transform,
      $asset: component.$asset,
      aws: await import('@pulumi/aws'),
      dockerbuild: await import('@pulumi/docker-build'),
      sst: await import('sst-platform/components'),
    });
    const { run } = await import('sst-platform/auto/run');
    const done = pulumi.runtime.runInPulumiStack(async () => {
      const result = await run(async () => {
        pulumi.runtime.registerStackTransformation(({ type, name, opts }) => {
          const options = opts as any;
          const key = (resource: any) => `${resource.__pulumiType}::${resource.__name}`;
          const parent = options.parent;
          about.set(`${type}::${name}`, {
            ...(parent === undefined || parent.__pulumiType === 'pulumi:pulumi:Stack' ? {} : { parent: key(parent) }),
            dependsOn: [options.dependsOn ?? []].flat().flatMap((on: any) => (on?.__name ? [key(on)] : [])),
            ignoreChanges: options.ignoreChanges ?? [],
            retainOnDelete: options.retainOnDelete ?? false,
          });
          return undefined;
        });
        return config.run();
      });
      // An Output that failed never resolves, so it is not awaited.
      pulumi.output(result).apply((value: Inputs) => {
        outputs = value;
      });
      return result;
    });
    done.catch(failed);
    await settled(() => resources.length + calls);
    // After a failure Pulumi waits for ever for Outputs that never come.
    if (errors.size === 0) {
      await done;
      await pulumi.runtime.disconnect();
    }
  } catch (error) {
    failed(error);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  return { stage, resources, outputs: unwrap(outputs), errors: [...errors] };
}
