/**
 * Asks the registry for known faults of what is deployed (`npm audit --omit dev`) and fails on high and critical ones that
 * the list of accepted advisories does not name. Usage: node .ci/audit.mjs [audit-accepted.json]
 * Invariant: a registry that cannot be asked is said and fails nothing; an acceptance that is over, or gives no reason, does fail.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const accepted = JSON.parse(readFileSync(process.argv[2] ?? new URL('audit-accepted.json', import.meta.url), 'utf8'));
const today = new Date().toISOString().slice(0, 10);
let failures = 0;
const say = (verdict, words) => {
  if (verdict === 'FAILED') failures += 1;
  console.log(`${verdict}: ${words}`);
};

for (const { advisory, reason, until } of accepted) {
  if (!/^GHSA(-\w{4}){3}$/.test(advisory) || !/^\d{4}-\d\d-\d\d$/.test(until) || !(reason?.length >= 20)) {
    say('FAILED', `accepted advisory ${advisory}: it needs its GHSA id, a reason in words and a day "until"`);
  } else if (until < today) say('FAILED', `accepted advisory ${advisory}: was accepted until ${until}; judge it anew`);
}

// One try: a machine without a network shall not wait for it.
const args = ['audit', '--omit', 'dev', '--json', '--fetch-retries=0', '--fetch-timeout=30000'];
const { stdout, stderr } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
const report = reportOf(stdout);
if (report?.vulnerabilities === undefined) {
  const why = report?.message ?? report?.error?.summary ?? stderr.trim().split('\n').at(-1) ?? '';
  say('not asked', `the registry answers no audit here (${why}); nothing is known of this lock file`);
} else {
  const packages = Object.values(report.vulnerabilities);
  const advisories = new Map(
    packages.flatMap(({ via }) => via.filter((one) => typeof one === 'object').map((one) => [one.url, one])),
  );
  for (const { name, range, severity, title, url } of advisories.values()) {
    const id = url.split('/').at(-1);
    const entry = accepted.find(({ advisory }) => advisory === id);
    const words = `${severity} ${id} in ${name} ${range}: ${title}`;
    if (!['high', 'critical'].includes(severity)) say('known', words);
    else if (entry !== undefined) say('accepted', `${words} (until ${entry.until}: ${entry.reason})`);
    else say('FAILED', `${words}; upgrade it (npm audit fix), or accept it in .ci/audit-accepted.json with a reason`);
  }
  const found = new Set([...advisories.keys()].map((url) => url.split('/').at(-1)));
  for (const { advisory } of accepted) if (!found.has(advisory)) say('known', `${advisory} is accepted and not found`);
  if (failures === 0)
    say('ok', `${report.metadata.dependencies.prod} deployed packages, no high or critical fault that is not accepted`);
}
process.exit(failures === 0 ? 0 : 1);

function reportOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
