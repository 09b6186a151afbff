//! Defines cfg aliases: `gpu` where this crate has GPU kernels, `webgpu` for the browser's module that has them.

fn main() {
    cfg_aliases::cfg_aliases! {
        webgpu: { all(target_family = "wasm", not(target_feature = "atomics")) },
        gpu: { any(webgpu, feature = "vulkan", feature = "cuda") },
    }
}
