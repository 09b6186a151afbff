//! The innermost loop of a convolution: it sums shifted runs of values, each multiplied by a weight.

use crate::{WIDTH, vectors};

/// Whether the ends of the runs are checked once, and not again for every block. This makes the loop faster in wasm,
/// and slower natively.
const UNCHECKED: bool = cfg!(target_family = "wasm");

/// Runs of values to sum for `TILE` output channels: the start of each run in the source, and its weights.
pub struct Terms<'a, const TILE: usize> {
    pub starts: &'a [usize],
    pub weights: &'a [[f32; TILE]],
}

impl<const TILE: usize> Terms<'_, TILE> {
    /// Writes `sums` `[TILE, length]`. `length` is a multiple of the vector width; `VECTORS` vectors are computed at
    /// once.
    ///
    /// # Panics
    ///
    /// If a run goes beyond the end of `source`.
    pub fn sum<const VECTORS: usize>(&self, source: &[f32], sums: &mut [f32], length: usize) {
        if UNCHECKED {
            let last = source.len().checked_sub(length).expect("the source holds a run");
            assert!(self.starts.iter().all(|&start| start <= last), "the source holds every run");
        }
        #[cfg(target_arch = "x86_64")]
        if vectors::widest() {
            // SAFETY: `vectors::widest` has found AVX-512.
            return unsafe { self.sum_avx512(source, sums, length) };
        }
        #[cfg(target_arch = "x86_64")]
        if vectors::wide() {
            // SAFETY: `vectors::wide` has found AVX2 and FMA.
            return unsafe { self.sum_wide::<VECTORS>(source, sums, length) };
        }
        self.sum_with::<VECTORS, { cfg!(target_arch = "aarch64") }>(source, sums, length);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn sum_wide<const VECTORS: usize>(&self, source: &[f32], sums: &mut [f32], length: usize) {
        self.sum_with::<VECTORS, true>(source, sums, length);
    }

    #[inline(always)]
    fn sum_with<const VECTORS: usize, const FUSED: bool>(&self, source: &[f32], sums: &mut [f32], length: usize) {
        let done = self.blocks::<VECTORS, FUSED>(source, sums, length, 0);
        let done = if VECTORS > 2 { self.blocks::<2, FUSED>(source, sums, length, done) } else { done };
        if VECTORS > 1 {
            self.blocks::<1, FUSED>(source, sums, length, done);
        }
    }

    /// Sums blocks of `VECTORS` vectors from `done` on, as many as fit. Returns where they end.
    #[inline(always)]
    fn blocks<const VECTORS: usize, const FUSED: bool>(
        &self,
        source: &[f32],
        sums: &mut [f32],
        length: usize,
        mut done: usize,
    ) -> usize {
        // Four vectors left are summed as two pairs: a block of three would leave one, which waits for its own last
        // addition.
        while done + VECTORS * WIDTH <= length && (VECTORS != 3 || done + 4 * WIDTH != length) {
            let source = &source[done..];
            let mut block = [[[0.0; WIDTH]; VECTORS]; TILE];
            for (&start, weights) in self.starts.iter().zip(self.weights) {
                let run = if UNCHECKED && TILE > 1 {
                    // SAFETY: `sum` has seen that `length` values follow every start, and this block ends before.
                    unsafe { source.get_unchecked(start..start + VECTORS * WIDTH) }
                } else {
                    &source[start..][..VECTORS * WIDTH]
                };
                for (block, weight) in block.iter_mut().zip(weights) {
                    for (block, run) in block.iter_mut().zip(run.as_chunks::<WIDTH>().0) {
                        for (sum, value) in block.iter_mut().zip(run) {
                            *sum = vectors::add_product::<FUSED>(*sum, *weight, *value);
                        }
                    }
                }
            }
            for (channel, block) in block.iter().enumerate() {
                sums[channel * length + done..][..VECTORS * WIDTH].copy_from_slice(block.as_flattened());
            }
            done += VECTORS * WIDTH;
        }
        done
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_width_give_the_same_sums() {
        for length in (WIDTH..=20 * WIDTH).step_by(WIDTH) {
            check::<1>(length);
            check::<4>(length);
        }
    }

    fn check<const TILE: usize>(length: usize) {
        let value = |index: usize| ((index * 37 % 101) as f32 - 50.0) / 7.0;
        let source: Vec<f32> = (0..length + 20).map(value).collect();
        let weights: Vec<[f32; TILE]> =
            (0..5).map(|term| std::array::from_fn(|lane| value(13 * term + lane))).collect();
        let terms = Terms { starts: &[0, 3, 20, 7, 11], weights: &weights };
        let sums = |sum: &dyn Fn(&mut [f32])| {
            let mut sums = vec![0.0; TILE * length];
            sum(&mut sums);
            sums
        };
        let plain = sums(&|sums| terms.sum_with::<3, true>(&source, sums, length));
        if vectors::wide() {
            // SAFETY: `vectors::wide` has found AVX2 and FMA.
            let found = sums(&|sums| unsafe { terms.sum_wide::<3>(&source, sums, length) });
            assert_eq!(found, plain, "{TILE} channels of {length} values");
        }
        if vectors::widest() {
            // SAFETY: `vectors::widest` has found AVX-512.
            let found = sums(&|sums| unsafe { terms.sum_avx512(&source, sums, length) });
            assert_eq!(found, plain, "{TILE} channels of {length} values");
        }
    }
}
