/** The words that a command ends with. */
import { describe, expect, it } from 'vitest';
import { formatError, KvsInferError } from './errors.ts';

describe('formatError', () => {
  it('is one line: code, what happened, what to do', () => {
    const error = new KvsInferError('CAMERA_FILE_UNREADABLE', 'cannot read a.yaml', { hint: 'give the path' });
    expect(formatError(error)).toBe('kvs-infer: CAMERA_FILE_UNREADABLE: cannot read a.yaml (give the path)');
  });

  it('keeps the hint apart from the last line of a list', () => {
    const error = new KvsInferError('SETTINGS_INVALID', '2 wrong settings:\n  A\n  B', { hint: 'correct them' });
    expect(formatError(error).split('\n').slice(-2)).toEqual(['  B', '(correct them)']);
  });

  it('says that anything else is ours', () => {
    expect(formatError(new TypeError('x is not a function'))).toMatch(/^kvs-infer: UNEXPECTED: x is not a function \(/);
  });
});
