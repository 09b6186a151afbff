//! Names the one condition under which there are kernels for graphics cards.

fn main() {
    cfg_aliases::cfg_aliases! {
        gpu: { any(target_family = "wasm", feature = "vulkan", feature = "cuda") },
    }
}
