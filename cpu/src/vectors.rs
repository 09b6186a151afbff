//! The processor's SIMD vectors, chosen at run time.

use crate::WIDTH;
use crate::output::Place;

/// Whether the processor has vectors of eight f32 values and fused multiply-add (AVX2 and FMA).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn wide() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Whether the processor has vectors of sixteen f32 values as well (AVX-512).
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn widest() -> bool {
    wide() && std::arch::is_x86_feature_detected!("avx512f")
}

/// Runs `work` with vectors of eight values where the processor has them. Functions that `work` calls must be inlined.
#[inline(always)]
pub fn with_wide_vectors(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn with_wide_vectors(work: impl FnOnce()) {
            work();
        }
        if wide() {
            // SAFETY: `wide` has found AVX2 and FMA.
            return unsafe { with_wide_vectors(work) };
        }
    }
    work();
}

/// `sum + a·b`; rounded only once where `FUSED`.
#[inline(always)]
pub fn add_product<const FUSED: bool>(sum: f32, a: f32, b: f32) -> f32 {
    // Without the instruction, `mul_add` is a slow function call.
    if FUSED { a.mul_add(b, sum) } else { sum + a * b }
}

/// Writes `of(a, b)` for every pair of values, as many as `y` has. Panics if `a` or `b` has fewer.
#[inline(always)]
pub fn zip(y: &mut [impl Place], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
    let (a, b) = (&a[..y.len()], &b[..y.len()]);
    match y.len() {
        WIDTH.. => zip_overlapping::<WIDTH>(y, a, b, of),
        4.. => zip_overlapping::<4>(y, a, b, of),
        _ => y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| y.put(of(*a, *b))),
    }
}

/// The same in vectors of `LANES` values. The last vector ends at the last value, so it may overlap the one before.
#[inline(always)]
fn zip_overlapping<const LANES: usize>(y: &mut [impl Place], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
    let last = y.len() - LANES;
    let mut start = 0;
    loop {
        let (y, a, b) = (&mut y[start..][..LANES], &a[start..][..LANES], &b[start..][..LANES]);
        for lane in 0..LANES {
            y[lane].put(of(a[lane], b[lane]));
        }
        if start == last {
            break;
        }
        start = last.min(start + LANES);
    }
}

/// Writes `of(x)` for every `stride`th value of `x`, as many as `y` has.
#[inline(always)]
pub fn map(y: &mut [impl Place], x: &[f32], stride: usize, of: impl Fn(f32) -> f32) {
    match (stride, y.len()) {
        (1, _) => zip(y, x, x, |x, _| of(x)),
        (2, WIDTH..) => map_overlapping::<WIDTH, { 2 * WIDTH }>(y, x, of),
        (2, 4..) => map_overlapping::<4, 8>(y, x, of),
        _ => y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| y.put(of(x))),
    }
}

/// The same with a stride of 2, in vectors of `LANES` values, from `READ` = 2 · `LANES` of `x`. The last vector may
/// overlap the one before.
#[inline(always)]
fn map_overlapping<const LANES: usize, const READ: usize>(y: &mut [impl Place], x: &[f32], of: impl Fn(f32) -> f32) {
    let last = y.len() - LANES;
    let mut done = 0;
    while done < y.len() {
        let start = done.min(last);
        let Some(x) = x[2 * start..].first_chunk::<READ>() else {
            break; // the value after the last one is missing
        };
        let mut values = [0.0; LANES];
        for (values, x) in values.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<8>().0) {
            *values = even(x);
        }
        let y = &mut y[start..][..LANES];
        for lane in 0..LANES {
            y[lane].put(of(values[lane]));
        }
        done = start + LANES;
    }
    let rest = x[(2 * done).min(x.len())..].iter().step_by(2);
    y[done..].iter_mut().zip(rest).for_each(|(y, x)| y.put(of(*x)));
}

/// The values at even places. The compiler makes single moves of this on x86-64, where one instruction does it.
#[inline(always)]
fn even(x: &[f32; 8]) -> [f32; 4] {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        let mut even = [0.0; 4];
        // SAFETY: every x86-64 processor has SSE, and `x` holds two of its vectors.
        unsafe {
            let (low, high) = (_mm_loadu_ps(x.as_ptr()), _mm_loadu_ps(x.as_ptr().add(4)));
            _mm_storeu_ps(even.as_mut_ptr(), _mm_shuffle_ps::<0b10_00_10_00>(low, high));
        }
        even
    }
    #[cfg(not(target_arch = "x86_64"))]
    [x[0], x[2], x[4], x[6]]
}
