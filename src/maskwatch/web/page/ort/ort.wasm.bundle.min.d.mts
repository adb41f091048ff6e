// What the page uses of onnxruntime-web, for the type checker.

export class Tensor {
  constructor(type: "uint8", data: Uint8Array, dims: readonly number[]);
  readonly data: unknown;
}

export class InferenceSession {
  static create(
    model: Uint8Array,
    options: { executionProviders: string[]; graphOptimizationLevel: string },
  ): Promise<InferenceSession>;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}

export const env: { wasm: { numThreads: number; wasmBinary: ArrayBuffer } };
