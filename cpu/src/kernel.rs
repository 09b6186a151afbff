//! The innermost loop of a convolution: it sums shifted runs of values, each multiplied by a weight.

use crate::{WIDTH, vectors};

/// Whether the ends of the runs are checked once, and not again for every block. In wasm the loop is faster so; natively
/// the compiler makes slower code of it.
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
    /// If a run of `length` values from one of the starts goes beyond the end of `source`.
    pub fn sum<const VECTORS: usize>(&self, source: &[f32], sums: &mut [f32], length: usize) {
        let last = source.len().checked_sub(length).expect("the source holds a run");
        assert!(self.starts.iter().all(|&start| start <= last), "the source holds every run");
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
