// The libraries are installed for the benchmark alone; without them the checker takes their exports as they come.
declare module '@jax-js/jax';
declare module '@tensorflow/tfjs-backend-wasm';
declare module '@tensorflow/tfjs-backend-webgpu';
declare module '@tensorflow/tfjs-core';
declare module '@tensorflow/tfjs-core/dist/register_all_gradients.js';

// The bundler puts these files beside the script and their paths, relative to it, in their place.
declare module '*.wasm' {
  const path: string;
  export default path;
}
