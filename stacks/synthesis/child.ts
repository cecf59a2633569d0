/**
 * The process that runs the deployment program: scenarios in (file), graphs out (file). A process of its own, because
 * Pulumi keeps its state in the process and never ends after a failure.
 * Usage: child <root> <scenarios.json> <graphs.json>
 */
import fs from 'node:fs';
import { capture } from './capture.ts';
import type { GraphData } from './graph.ts';
import type { Scenario } from './scenario.ts';

const [root = '', scenariosFile = '', graphsFile = ''] = process.argv.slice(2);
const scenarios = JSON.parse(fs.readFileSync(scenariosFile, 'utf8')) as Scenario[];
const graphs: GraphData[] = [];
for (const scenario of scenarios) graphs.push(await capture(root, scenario));
fs.writeFileSync(graphsFile, JSON.stringify(graphs));
process.exit(0);
