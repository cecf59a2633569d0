/**
 * Parts of CloudWatch requests and answers as the SDK and the AWS CLI send them: JSON's plain values, and CBOR's tagged times.
 * Invariant: what is missing or of a wrong kind is refused by the parameter's name.
 */
import { Tagged } from 'cborg';
import { AwsError } from '../http/aws-error.ts';

export type Members = Record<string, unknown>;
/** CBOR's tag for a time in epoch seconds; JSON carries the bare number. */
export const TIME_TAG = 1;

export function instant(ms: number): Tagged {
  return new Tagged(TIME_TAG, ms / 1000);
}

export function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(`The parameter ${name} is required.`);
  return value;
}

export function list(value: unknown, name: string): Members[] {
  if (!Array.isArray(value)) throw invalid(`The parameter ${name} is required.`);
  return value as Members[];
}

export function timeOf(value: unknown, name: string): number {
  const plain = value instanceof Tagged ? value.value : value;
  const ms = typeof plain === 'number' ? plain * 1000 : Date.parse(String(plain));
  if (!Number.isFinite(ms)) throw invalid(`The parameter ${name} must be a time.`);
  return ms;
}

export function invalid(message: string): AwsError {
  return new AwsError(400, 'InvalidParameterValueException', message);
}
