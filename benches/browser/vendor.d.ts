// The libraries are installed only for the benchmark; without them the type checker treats their exports as `any`.
declare module '@jax-js/jax';
declare module '@tensorflow/tfjs-backend-wasm';
declare module '@tensorflow/tfjs-backend-webgpu';
declare module '@tensorflow/tfjs-core';
declare module '@tensorflow/tfjs-core/dist/register_all_gradients.js';

// The bundler copies these files beside the script, and replaces each import by the relative path.
declare module '*.wasm' {
  const path: string;
  export default path;
}
