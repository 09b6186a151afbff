//! What a processor's vectors can do, asked when the program runs.

/// Whether the processor has vectors of eight values and adds a product to a sum in one instruction.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn wide() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// `sum + a·b`, rounded once where that is one instruction.
#[inline(always)]
pub fn add_product<const FUSED: bool>(sum: f32, a: f32, b: f32) -> f32 {
    // Without the instruction it is a call to a function.
    if FUSED { a.mul_add(b, sum) } else { sum + a * b }
}
