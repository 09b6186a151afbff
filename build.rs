//! Defines cfg aliases: `gpu` where this crate has GPU kernels, `webgpu` for the browser's module that has them. The
//! module with threads is linked for them.

use std::env;

/// A memory that threads share, made by JavaScript, of at most 4 GiB; and what wasm-bindgen needs to give each thread
/// its own values.
const SHARED_MEMORY: [&str; 8] = [
    "--shared-memory",
    "--import-memory",
    "--max-memory=4294967296",
    "--export=__wasm_init_tls",
    "--export=__tls_size",
    "--export=__tls_align",
    "--export=__tls_base",
    "--export=__heap_base",
];

fn main() {
    cfg_aliases::cfg_aliases! {
        webgpu: { all(target_family = "wasm", not(target_feature = "atomics")) },
        gpu: { any(webgpu, feature = "vulkan", feature = "cuda") },
    }
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if features.split(',').any(|feature| feature == "atomics") {
        SHARED_MEMORY.iter().for_each(|option| println!("cargo::rustc-link-arg-cdylib={option}"));
    }
}
