/**
 * What an AWS error name means to us, in one table: may the same call succeed later, was the condition false, is the
 * thing gone, is there no capacity. Everything that calls AWS goes through `awsCall`, so nobody compares error names
 * elsewhere. Invariant: an error that is not in the table is retryable only when its HTTP status says so (429, 5xx) or
 * when no answer came at all.
 */
import { KvsInferError } from '../core/errors.ts';

export type AwsErrorKind =
  | 'throttled'
  | 'unavailable'
  | 'not-found'
  | 'already-exists'
  | 'condition-failed'
  | 'access-denied'
  | 'capacity'
  | 'conflict'
  | 'limit'
  | 'invalid'
  | 'unknown';

const kindsByName: Record<string, AwsErrorKind> = {
  // Too fast: DynamoDB, Kinesis, KVS, ECS, Auto Scaling, EC2, CloudWatch, S3.
  ThrottlingException: 'throttled',
  Throttling: 'throttled',
  ThrottledException: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  TooManyRequestsException: 'throttled',
  RequestLimitExceeded: 'throttled',
  ProvisionedThroughputExceededException: 'throttled',
  ClientLimitExceededException: 'throttled',
  ConnectionLimitExceededException: 'throttled',
  KMSThrottlingException: 'throttled',
  SlowDown: 'throttled',
  // Their side, or no answer at all.
  InternalServerError: 'unavailable',
  InternalServerException: 'unavailable',
  InternalServiceError: 'unavailable',
  InternalServiceFault: 'unavailable',
  InternalFailure: 'unavailable',
  InternalError: 'unavailable',
  ServerException: 'unavailable',
  ServiceUnavailable: 'unavailable',
  ServiceUnavailableException: 'unavailable',
  Unavailable: 'unavailable',
  TimeoutError: 'unavailable',
  RequestTimeout: 'unavailable',
  RequestTimeoutException: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  ECONNABORTED: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETUNREACH: 'unavailable',
  EPIPE: 'unavailable',
  ENOTFOUND: 'unavailable',
  EAI_AGAIN: 'unavailable',
  ETIMEDOUT: 'unavailable',
  ResourceNotFoundException: 'not-found',
  ClusterNotFoundException: 'not-found',
  ServiceNotFoundException: 'not-found',
  ServiceNotActiveException: 'not-found',
  'InvalidInstanceID.NotFound': 'not-found',
  'InvalidVpcID.NotFound': 'not-found',
  'InvalidSubnetID.NotFound': 'not-found',
  ParameterNotFound: 'not-found',
  NoSuchResourceException: 'not-found',
  NoSuchBucket: 'not-found',
  NoSuchKey: 'not-found',
  NotFound: 'not-found',
  ResourceInUseException: 'already-exists',
  BucketAlreadyOwnedByYou: 'already-exists',
  ResourceAlreadyExistsException: 'already-exists',
  EntityAlreadyExists: 'already-exists',
  ConditionalCheckFailedException: 'condition-failed',
  PreconditionFailed: 'condition-failed',
  AccessDeniedException: 'access-denied',
  AccessDenied: 'access-denied',
  UnauthorizedOperation: 'access-denied',
  NotAuthorizedException: 'access-denied',
  UnrecognizedClientException: 'access-denied',
  InvalidClientTokenId: 'access-denied',
  ExpiredTokenException: 'access-denied',
  ExpiredToken: 'access-denied',
  CredentialsProviderError: 'access-denied',
  // EC2 has no machine to give: another zone, size or purchase option may.
  InsufficientInstanceCapacity: 'capacity',
  InsufficientHostCapacity: 'capacity',
  InsufficientCapacity: 'capacity',
  SpotMaxPriceTooLow: 'capacity',
  MaxSpotInstanceCountExceeded: 'capacity',
  VcpuLimitExceeded: 'capacity',
  ScalingActivityInProgress: 'conflict',
  ScalingActivityInProgressFault: 'conflict',
  ResourceContention: 'conflict',
  ResourceContentionFault: 'conflict',
  UpdateInProgressException: 'conflict',
  TransactionConflictException: 'conflict',
  OperationAbortedException: 'conflict',
  LimitExceededException: 'limit',
  LimitExceeded: 'limit',
  AccountStreamLimitExceededException: 'limit',
  ValidationException: 'invalid',
  ValidationError: 'invalid',
  InvalidParameterException: 'invalid',
  InvalidArgumentException: 'invalid',
  ClientException: 'invalid',
};

const codesByKind: Record<AwsErrorKind, { code: string; retryable: boolean; hint: string }> = {
  throttled: {
    code: 'AWS_THROTTLED',
    retryable: true,
    hint: 'it is tried again; raise the account limit if it persists',
  },
  unavailable: {
    code: 'AWS_UNAVAILABLE',
    retryable: true,
    hint: 'it is tried again; look at the AWS health dashboard',
  },
  'not-found': {
    code: 'AWS_NOT_FOUND',
    retryable: false,
    hint: 'check that the deployment is complete and names this stage',
  },
  'already-exists': {
    code: 'AWS_ALREADY_EXISTS',
    retryable: false,
    hint: 'use the existing one or choose another name',
  },
  'condition-failed': {
    code: 'AWS_CONDITION_FAILED',
    retryable: false,
    hint: 'somebody else changed it first; read it again',
  },
  'access-denied': {
    code: 'AWS_ACCESS_DENIED',
    retryable: false,
    hint: 'give the role this permission, or check the credentials',
  },
  capacity: {
    code: 'AWS_NO_CAPACITY',
    retryable: true,
    hint: 'allow more zones, instance sizes or on-demand, or raise the vCPU limit',
  },
  conflict: { code: 'AWS_CONFLICT', retryable: true, hint: 'it is tried again after the change in progress' },
  limit: { code: 'AWS_LIMIT', retryable: false, hint: 'raise the account limit' },
  invalid: {
    code: 'AWS_REFUSED',
    retryable: false,
    hint: 'this is a bug in kvs-infer or in the deployment; report it',
  },
  unknown: { code: 'AWS_FAILED', retryable: false, hint: 'read the cause; report it if it repeats' },
};

/** @returns what kind of failure `error` (anything thrown by an SDK client, or wrapped by `awsCall`) is. */
export function awsErrorKind(error: unknown): AwsErrorKind {
  if (error instanceof KvsInferError && error.cause !== undefined) return awsErrorKind(error.cause);
  if (namesOf(error).includes('TransactionCanceledException')) return cancellationKind(error);
  for (const name of namesOf(error)) {
    const kind = kindsByName[name];
    if (kind !== undefined) return kind;
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  if (status === 429) return 'throttled';
  if (status !== undefined && status >= 500) return 'unavailable';
  if (status === 403) return 'access-denied';
  if (status === 404) return 'not-found';
  return 'unknown';
}

/** A transaction is cancelled for the reason of one of its parts; a condition that did not hold says most. */
function cancellationKind(error: unknown): AwsErrorKind {
  const { CancellationReasons: reasons = [] } = error as { CancellationReasons?: { Code?: string }[] };
  const codes = reasons.map(({ Code = '' }) => Code);
  // Reasons that did not come through leave what is likeliest.
  if (reasons.length === 0 || codes.includes('ConditionalCheckFailed')) return 'condition-failed';
  if (codes.includes('TransactionConflict')) return 'conflict';
  if (codes.some((code) => code === 'ThrottlingError' || code === 'ProvisionedThroughputExceeded')) return 'throttled';
  return 'invalid';
}

export function isConditionFailed(error: unknown): boolean {
  return awsErrorKind(error) === 'condition-failed';
}

export function isNotFound(error: unknown): boolean {
  return awsErrorKind(error) === 'not-found';
}

/** True when the same call may succeed later without anything being changed. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof KvsInferError) return error.retryable;
  return codesByKind[awsErrorKind(error)].retryable;
}

/** @param what the call in domain words, as in "read the workers of fleet default". */
export function wrapAwsError(what: string, error: unknown): KvsInferError {
  if (error instanceof KvsInferError) return error;
  const { code, retryable, hint } = codesByKind[awsErrorKind(error)];
  const name = namesOf(error)[0] ?? 'error';
  const message = error instanceof Error ? error.message : String(error);
  return new KvsInferError(code, `could not ${what}: ${name}: ${message}`, { hint, retryable, cause: error });
}

/** Runs one AWS call; whatever it throws comes out as a KvsInferError that says what could not be done. */
export async function awsCall<Result>(what: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw wrapAwsError(what, error);
  }
}

/** Runs one conditional write. @returns false when its condition did not hold: the world had moved, nothing was written. */
export async function conditionHeld(what: string, call: () => Promise<unknown>): Promise<boolean> {
  try {
    await awsCall(what, call);
    return true;
  } catch (error) {
    if (isConditionFailed(error)) return false;
    throw error;
  }
}

/** Query-protocol services add or drop the suffixes "Fault" and "Exception"; both forms are looked up. */
function namesOf(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { name, Code, code } = error as { name?: unknown; Code?: unknown; code?: unknown };
  const names = [name, Code, code].filter((value): value is string => typeof value === 'string' && value !== 'Error');
  return names.flatMap((value) => [value, value.replace(/(?:Fault|Exception)$/, '')]);
}
