/**
 * The GPU instance types that a fleet may use, and what each gives to one worker. A worker is one task with one GPU on an
 * instance of its own, so types with several GPUs would idle all but one and are not on the list; neither are Graviton
 * types, because the image is amd64.
 * Source: EC2 instance type pages (G4dn, G5, G6, G6e), read 2026-11.
 */
export type InstanceShape = { vcpus: number; memoryMib: number; gpus: number; gpu: string; gpuMemoryMib: number };

const sizes = { xlarge: 4, '2xlarge': 8, '4xlarge': 16, '8xlarge': 32, '16xlarge': 64 } as const;
const families = {
  g4dn: { gpu: 'NVIDIA T4', gpuMemoryMib: 16_384, gibPerVcpu: 4 },
  g5: { gpu: 'NVIDIA A10G', gpuMemoryMib: 24_576, gibPerVcpu: 4 },
  g6: { gpu: 'NVIDIA L4', gpuMemoryMib: 24_576, gibPerVcpu: 4 },
  g6e: { gpu: 'NVIDIA L40S', gpuMemoryMib: 49_152, gibPerVcpu: 8 },
} as const;

const shapes = new Map<string, InstanceShape>(
  Object.entries(families).flatMap(([family, { gpu, gpuMemoryMib, gibPerVcpu }]) =>
    Object.entries(sizes).map(([size, vcpus]): [string, InstanceShape] => [
      `${family}.${size}`,
      { vcpus, memoryMib: vcpus * gibPerVcpu * 1024, gpus: 1, gpu, gpuMemoryMib },
    ]),
  ),
);

/**
 * SSM parameter with the image that they boot: ECS's GPU-optimised one on Amazon Linux 2023 (Amazon Linux 2 is out of
 * support).
 */
export const ecsGpuImageParameter = '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id';

/** Types of the same families that carry several GPUs: known, and refused with a better reason than "unknown". */
const severalGpus = /^(g4dn|g5|g6|g6e)\.(12xlarge|24xlarge|48xlarge|metal)$/;

/** Parts of the memory that the hypervisor, the kernel and the driver keep before the ECS agent counts. */
const keptByTheSystem = 0.04;
/** ECS_RESERVED_MEMORY of the user data: the agent, Docker and the metrics agent. */
export const ecsReservedMemoryMib = 512;
/** What the task leaves free of what is registered, so that a new AMI with a larger kernel still places it. */
const taskMarginMib = 256;

/** Every type that may be chosen, in words short enough for a message. */
export const instanceTypeChoice = `${Object.keys(families).join(', ')}, each as ${Object.keys(sizes).join(', ')}`;

export function shapeOf(type: string): InstanceShape | undefined {
  return shapes.get(type);
}

export function hasSeveralGpus(type: string): boolean {
  return severalGpus.test(type);
}

/**
 * What an instance registers with ECS at least. A g4dn.xlarge (16 GiB) shows about 15,700 MiB to its kernel, which is why
 * a task of 16,384 MiB can never be placed on it.
 */
export function registeredMemoryMib(shape: InstanceShape): number {
  return Math.floor(shape.memoryMib * (1 - keptByTheSystem)) - ecsReservedMemoryMib;
}

/** ECS counts 1,024 CPU units a vCPU and reserves none. */
export function registeredCpuUnits(shape: InstanceShape): number {
  return shape.vcpus * 1024;
}

/** The task size that the smallest of the types can hold, in steps of 256 MiB. */
export function taskMemoryFor(types: readonly string[]): number {
  const registered = types.flatMap((type) => shapes.get(type) ?? []).map(registeredMemoryMib);
  return Math.floor((Math.min(...registered) - taskMarginMib) / 256) * 256;
}
