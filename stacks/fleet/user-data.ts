/**
 * The script that a GPU instance runs at its first boot: it joins the cluster, makes the three host folders and fetches
 * the models by their hashes. The ECS agent of the ECS-optimised AMI starts after cloud-init, so an instance that has
 * registered is complete: models verified, GPU seen, folders owned by the worker's user.
 * Invariant: an instance that could not be prepared never joins; it says why on its console and powers off, so that the
 * Auto Scaling group replaces it.
 */
import { KvsInferError } from '../../core/errors.ts';
import { ecsReservedMemoryMib } from '../instance-types.ts';

/** User and group of the worker in its image (worker/Dockerfile): the owner of what it may write. */
export const workerUserId = 10_001;
export const hostFolder = '/opt/kvs-infer';
/** EC2 refuses more, before base64. */
const userDataMaxBytes = 16_384;
/** 1 + 2 + 4 + 8 + 16 s of waiting: longer than a new instance's network or role needs to become usable. */
const attemptsMax = 6;
/** The driver's kernel module is loaded by a unit that may still run. */
const gpuAttemptsMax = 30;

export type UserDataSettings = {
  cluster: string;
  region: string;
  modelsBucket: string;
  /** Stored in the bucket as `models/<sha256>.onnx`; on the instance as `<name>.onnx`. */
  models: readonly { name: string; sha256: string }[];
  /** Attributes of the container instance, for placement constraints. */
  attributes?: Readonly<Record<string, string>>;
};

const rules: Record<'cluster' | 'region' | 'modelsBucket' | 'name' | 'sha256' | 'attribute', RegExp> = {
  cluster: /^[A-Za-z0-9_-]{1,255}$/,
  region: /^[a-z]{2}(-[a-z]+)+-\d$/,
  modelsBucket: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  name: /^[A-Za-z0-9._-]{1,64}$/,
  sha256: /^[0-9a-f]{64}$/,
  attribute: /^[A-Za-z0-9._-]{1,128}$/,
};

/**
 * @returns a bash script, not yet in base64.
 * @throws KvsInferError SETTINGS_INVALID naming every value that does not belong into a script.
 */
export function userData(settings: UserDataSettings): string {
  checkSettings(settings);
  const { cluster, region, modelsBucket, models, attributes = {} } = settings;
  const script = `#!/bin/bash
# Prepares a kvs-infer GPU instance. Written by stacks/fleet/user-data.ts; do not edit on the instance.
set -Eeuo pipefail
# The tests run this script in a folder of theirs.
root="\${KVS_INFER_ROOT:-}"
host="$root${hostFolder}"
config="$root/etc/ecs/ecs.config"

say() {
  echo "kvs-infer: $*" >&2
  if [ -w "$root/dev/console" ]; then echo "kvs-infer: $*" > "$root/dev/console"; fi
}
fail() {
  trap - ERR
  say "INSTANCE_UNPREPARED: $*"
  # Without its configuration the agent would join the cluster "default".
  rm -f "$config"
  systemctl mask --now ecs.service || true
  systemctl poweroff || true
  exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND ended with $?"' ERR

attempt() { # attempt <what> <command...>: again after 1, 2, 4, ... s
  local what="$1" pause=1 try; shift
  for ((try = 1; try <= ${attemptsMax}; try++)); do
    if "$@"; then return 0; fi
    if ((try < ${attemptsMax})); then say "could not $what (try $try of ${attemptsMax}); again in $pause s"; sleep "$pause"; pause=$((pause * 2)); fi
  done
  fail "could not $what in ${attemptsMax} tries"
}

fetch_model() { # fetch_model <name> <sha256>: whole and verified under its name, or not there at all
  local name="$1" sha256="$2" part
  part="$(mktemp "$host/models/.$name.XXXXXX")"
  if aws s3 cp --only-show-errors --region '${region}' "s3://${modelsBucket}/models/$sha256.onnx" "$part" \\
    && echo "$sha256  $part" | sha256sum --check --status; then
    chmod 0444 "$part" && mv -f "$part" "$host/models/$name.onnx" && return 0
  fi
  rm -f "$part"
  return 1
}

say 'preparing the host folders'
install -d -m 0755 "$host" "$host/config" "$host/models"
install -d -m 0750 -o ${workerUserId} -g ${workerUserId} "$host/cache"

say 'looking for the GPU'
for ((try = 1; ; try++)); do
  if gpus="$(nvidia-smi -L)"; then say "$gpus"; break; fi
  if ((try >= ${gpuAttemptsMax})); then fail 'nvidia-smi sees no GPU: the AMI is not a GPU one, the type has none, or its driver does not load'; fi
  sleep 2
done

if ! command -v aws > /dev/null; then attempt 'install the AWS CLI' dnf install -y -q awscli-2; fi
while read -r name sha256; do
  if [ -n "$name" ]; then attempt "fetch model $name ($sha256)" fetch_model "$name" "$sha256"; fi
done <<'MODELS'
${models.map(({ name, sha256 }) => `${name} ${sha256}`).join('\n')}
MODELS

say 'joining cluster ${cluster}'
install -d -m 0755 "$(dirname "$config")"
cat > "$config.part" <<'CONFIG'
ECS_CLUSTER=${cluster}
AWS_DEFAULT_REGION=${region}
ECS_ENABLE_GPU_SUPPORT=true
ECS_RESERVED_MEMORY=${ecsReservedMemoryMib}
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_ENABLE_CONTAINER_METADATA=true
ECS_ENABLE_TASK_IAM_ROLE=true
ECS_AWSVPC_BLOCK_IMDS=true
ECS_CONTAINER_STOP_TIMEOUT=30s
ECS_CONTAINER_START_TIMEOUT=10m
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1h
ECS_INSTANCE_ATTRIBUTES=${JSON.stringify(attributes)}
CONFIG
mv -f "$config.part" "$config"
systemctl enable ecs.service
# The agent waits for cloud-init, which waits for this script: never wait for the agent here.
systemctl start --no-block ecs.service
say 'ready'
# It has joined: nothing that may follow this script can take it back.
trap - ERR
set +Ee
`;
  const bytes = Buffer.byteLength(script);
  if (bytes > userDataMaxBytes)
    throw invalid([`user data of ${bytes} bytes where EC2 takes ${userDataMaxBytes} (fewer models)`]);
  return script;
}

function checkSettings({ cluster, region, modelsBucket, models, attributes = {} }: UserDataSettings): void {
  const values: [what: string, rule: keyof typeof rules, value: string][] = [
    ['cluster', 'cluster', cluster],
    ['region', 'region', region],
    ['modelsBucket', 'modelsBucket', modelsBucket],
    ...models.flatMap(({ name, sha256 }): [string, keyof typeof rules, string][] => [
      ['model name', 'name', name],
      [`hash of model ${name}`, 'sha256', sha256],
    ]),
    ...Object.entries(attributes).flatMap(([name, value]): [string, keyof typeof rules, string][] => [
      ['attribute name', 'attribute', name],
      [`attribute ${name}`, 'attribute', value],
    ]),
  ];
  const problems = values
    .filter(([, rule, value]) => !rules[rule].test(value))
    .map(([what, rule, value]) => `${what} ${JSON.stringify(value)} does not match ${rules[rule].source}`);
  const names = models.map(({ name }) => name);
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index))) {
    problems.push(`model ${JSON.stringify(name)} is listed twice`);
  }
  if (problems.length > 0) throw invalid(problems);
}

function invalid(problems: string[]): KvsInferError {
  return new KvsInferError('SETTINGS_INVALID', `user data: ${problems.join('; ')}`, {
    hint: 'correct the settings of the deployment; nothing was created',
  });
}
