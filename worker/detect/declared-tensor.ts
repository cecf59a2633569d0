/** An input or output as an ONNX graph declares it, and how it is shown to people. A side that is free is null. */
import type { KvsInferError } from '../../core/errors.ts';
import type { GraphProto } from './model-file.ts';

/** TensorProto.DataType numbers, from the ONNX specification. */
export const ONNX_FLOAT32 = 1;
export const ONNX_UINT8 = 2;
export const ONNX_INT64 = 7;
export const ONNX_FLOAT16 = 10;
const typeNames: Record<number, string> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  10: 'float16',
  11: 'double',
};

export type Tensor = { name: string; elementType: number; dims: (number | null)[] | null };
/** Makes the error that refuses a model. @param came what was found in place of a detector. */
export type Refuse = (came: string, hint?: string) => KvsInferError;

export function tensorOf(info: GraphProto['input'][number]): Tensor {
  const type = info.type?.tensorType;
  const dims = type?.shape?.dim?.map((dim) => {
    const value = Number(dim.dimValue ?? 0);
    return Number.isSafeInteger(value) && value > 0 ? value : null;
  });
  return { name: info.name ?? '', elementType: type?.elemType ?? 0, dims: dims ?? null };
}

export function shown({ name, elementType, dims }: Tensor): string {
  const type = typeNames[elementType] ?? `type ${elementType}`;
  return `"${name.slice(0, 60)}" ${type} [${dims === null ? 'no shape' : dims.slice(0, 8).map((dim) => dim ?? '?')}]`;
}
