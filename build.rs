//! Defines the cfg alias `gpu`: it is set where this crate has GPU kernels.

fn main() {
    cfg_aliases::cfg_aliases! {
        gpu: { any(target_family = "wasm", feature = "vulkan", feature = "cuda") },
    }
}
