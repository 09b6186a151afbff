//! What a processor's vectors can do, asked when the program runs.

use crate::WIDTH;

/// Whether the processor has vectors of eight values and adds a product to a sum in one instruction.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn wide() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Does `work` with the widest vectors there are; what it calls has to be inlined.
#[inline(always)]
pub fn widely(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn widely(work: impl FnOnce()) {
            work();
        }
        if wide() {
            // SAFETY: the processor has these instructions, as just asked.
            return unsafe { widely(work) };
        }
    }
    work();
}

/// `sum + a·b`, rounded once where that is one instruction.
#[inline(always)]
pub fn add_product<const FUSED: bool>(sum: f32, a: f32, b: f32) -> f32 {
    // Without the instruction it is a call to a function.
    if FUSED { a.mul_add(b, sum) } else { sum + a * b }
}

/// Writes `of` every two values, as many as `y` has.
#[inline(always)]
pub fn zip(y: &mut [f32], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
    match y.len() {
        WIDTH.. => covered::<WIDTH>(y, a, b, of),
        4.. => covered::<4>(y, a, b, of),
        _ => y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = of(*a, *b)),
    }
}

/// The same in vectors, of which the last covers what is left and begins where it must.
#[inline(always)]
fn covered<const LANES: usize>(y: &mut [f32], a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) {
    let (a, b) = (&a[..y.len()], &b[..y.len()]);
    let last = y.len() - LANES;
    let mut start = 0;
    loop {
        let (y, a, b) = (&mut y[start..][..LANES], &a[start..][..LANES], &b[start..][..LANES]);
        for lane in 0..LANES {
            y[lane] = of(a[lane], b[lane]);
        }
        if start == last {
            break;
        }
        start = last.min(start + LANES);
    }
}

/// Writes `of` every value, as many as `y` has; the values are `stride` apart.
#[inline(always)]
pub fn map(y: &mut [f32], x: &[f32], stride: usize, of: impl Fn(f32) -> f32) {
    match stride {
        1 => zip(y, x, x, |x, _| of(x)),
        2 => {
            let ((vectors, y), (pairs, x)) = (y.as_chunks_mut::<WIDTH>(), x.as_chunks::<{ 2 * WIDTH }>());
            let done = vectors.len().min(pairs.len());
            for (y, x) in vectors.iter_mut().zip(pairs) {
                *y = std::array::from_fn(|lane| of(x[2 * lane]));
            }
            let (vectors, pairs) = (&mut vectors[done..], &pairs[done..]);
            let rest = pairs.as_flattened().iter().chain(x).step_by(2);
            vectors.as_flattened_mut().iter_mut().chain(y).zip(rest).for_each(|(y, x)| *y = of(*x));
        }
        _ => y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| *y = of(x)),
    }
}
