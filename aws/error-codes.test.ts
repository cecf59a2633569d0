/** Which AWS failures are worth another try, by name, by status, and by the form that each protocol gives the name. */
import { describe, expect, it } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { awsCall, awsErrorKind, isConditionFailed, isRetryable } from './error-codes.ts';

const named = (name: string, status?: number) =>
  Object.assign(new Error('message'), { name }, status === undefined ? {} : { $metadata: { httpStatusCode: status } });

describe('AWS errors', () => {
  it.each([
    [named('ProvisionedThroughputExceededException'), 'throttled', true],
    [named('ThrottlingException'), 'throttled', true],
    [named('ResourceContentionFault'), 'conflict', true],
    [named('ScalingActivityInProgressFault'), 'conflict', true],
    [named('InsufficientInstanceCapacity'), 'capacity', true],
    [named('ConditionalCheckFailedException', 400), 'condition-failed', false],
    [named('AccessDeniedException', 400), 'access-denied', false],
    [named('ResourceNotFoundException', 400), 'not-found', false],
    [named('NeverHeardOf', 503), 'unavailable', true],
    [named('NeverHeardOf', 429), 'throttled', true],
    [named('NeverHeardOf', 400), 'unknown', false],
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'unavailable', true],
    ['not even an error', 'unknown', false],
  ])('%s is %s', (error, kind, retryable) => {
    expect(awsErrorKind(error)).toBe(kind);
    expect(isRetryable(error)).toBe(retryable);
  });

  it('come out of awsCall as errors that say what could not be done, and keep their kind', async () => {
    const failed = awsCall('lock fleet default', () => Promise.reject(named('ConditionalCheckFailedException')));
    await expect(failed).rejects.toMatchObject({
      code: 'AWS_CONDITION_FAILED',
      message: 'could not lock fleet default: ConditionalCheckFailedException: message',
      retryable: false,
    });
    await expect(failed).rejects.toBeInstanceOf(KvsInferError);
    await failed.catch((error: unknown) => expect(isConditionFailed(error)).toBe(true));
  });
});
