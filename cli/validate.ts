/**
 * `kvs-infer validate`: puts the deployment together offline and holds it to its specification, check by check, each with
 * the value found. Contract: exit code 1 when any check failed; `--json` prints `{ passed, stage, region, checks }`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { KvsInferError } from '../core/errors.ts';
import { parseSettings } from '../stacks/settings.ts';
import { Graph } from '../stacks/synthesis/graph.ts';
import { synthesise } from '../stacks/synthesis/synthesise.ts';
import {
  capacityProviderCheck,
  clusterCheck,
  groupCheck,
  repositoryCheck,
} from './deployment-checks/capacity-checks.ts';
import { serviceCheck, taskDefinitionCheck } from './deployment-checks/fleet-checks.ts';
import { type CheckResult, type DeploymentCheck, runCheck } from './deployment-checks/item.ts';
import { alarmsCheck, apiCheck, webCheck } from './deployment-checks/people-checks.ts';
import { costCheck, deployCheck, docsCheck, settingsCheck } from './deployment-checks/project-checks.ts';
import { executionRoleCheck, taskRoleCheck } from './deployment-checks/role-checks.ts';
import {
  networkCheck,
  registryCheck,
  schedulesCheck,
  stagesCheck,
  storageCheck,
} from './deployment-checks/surroundings-checks.ts';
import { givenSettings } from './deployment-settings.ts';
import { deploymentTable } from './deployment-table.ts';
import { StepProgress } from './step-progress.ts';

const root = fileURLToPath(new URL('../', import.meta.url)).replace(/\/$/, '');
/** The replaced deployment's region, where the settings name none: the checks need some region, and no account. */
const regionDefault = 'ap-southeast-1';

/** The seven of the replaced deployment first, by their names. */
export const deploymentChecks: readonly DeploymentCheck[] = [
  taskDefinitionCheck,
  serviceCheck,
  taskRoleCheck,
  executionRoleCheck,
  docsCheck,
  deployCheck,
  settingsCheck,
  clusterCheck,
  repositoryCheck,
  groupCheck,
  capacityProviderCheck,
  networkCheck,
  registryCheck,
  schedulesCheck,
  storageCheck,
  alarmsCheck,
  apiCheck,
  webCheck,
  stagesCheck,
  costCheck,
];

export function validateCommand(program: Command): void {
  program
    .command('validate')
    .description('synthesise the deployment offline and hold it to its specification, check by check')
    .option(
      '--stage <stage>',
      'stage to put together; or set KVS_INFER_STAGE',
      process.env.KVS_INFER_STAGE ?? 'production',
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nSettings come from .env and the environment, as in "sst deploy"; no account is asked.\n\nExample:\n  $ kvs-infer validate --stage test',
    )
    .action(async (options: { stage: string; json?: true }) => {
      const { region, results } = await validate(options.stage);
      const passed = results.every((result) => result.passed);
      const report = { passed, stage: options.stage, region, checks: results };
      console.log(options.json ? JSON.stringify(report, null, 2) : deploymentTable(results));
      if (!passed) process.exitCode = 1;
    });
}

async function validate(stage: string): Promise<{ region: string; results: CheckResult[] }> {
  const given: Record<string, string> = { AWS_REGION: regionDefault, ...givenSettings() };
  const settings = parseSettings(given, stage);
  const work = mkdtempSync(path.join(tmpdir(), 'kvs-infer-validate-'));
  const progress = new StepProgress(2);
  try {
    // A missing model is a failed check of its own; the rest can be looked at all the same.
    const standIn = path.join(work, 'model.onnx');
    writeFileSync(standIn, '');
    const MODELS = settings.models.map(({ name }) => `${name}=${standIn}`).join(',');
    const say = (line: string) => console.error(`kvs-infer: ${line}`);
    progress.begin('the deployment is put together');
    const [data] = await synthesise([{ stage, settings: { ...given, MODELS } }], say);
    progress.begin('it is held to its specification');
    if (data === undefined || data.errors.length > 0) {
      throw new KvsInferError('SYNTHESIS_FAILED', (data?.errors ?? ['no graph came back']).join('; '), {
        hint: 'correct the settings or the stacks; "sst deploy" would stop here too',
      });
    }
    const subject = { graph: new Graph(data), settings, root };
    return { region: settings.region, results: deploymentChecks.map((check) => runCheck(check, subject)) };
  } finally {
    progress.stop();
    rmSync(work, { recursive: true, force: true });
  }
}
