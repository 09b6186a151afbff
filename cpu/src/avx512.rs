//! The innermost loop of a convolution with AVX-512: vectors of sixteen f32 values.

use std::arch::x86_64::*;

use crate::WIDTH;
use crate::kernel::Terms;

/// Vectors of eight values that are summed at once at the most: four of sixteen, and one of eight.
const MOST: usize = 9;

impl<const TILE: usize> Terms<'_, TILE> {
    /// As [`Terms::sum`]. The run is split into blocks of about equal length: a short one would wait for its own
    /// additions.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub fn sum_avx512(&self, source: &[f32], sums: &mut [f32], length: usize) {
        let mut done = 0;
        while done < length {
            let left = (length - done) / WIDTH;
            let count = left.div_ceil(left.div_ceil(MOST));
            let (source, sums) = (&source[done..], &mut sums[done..]);
            match count {
                1 => self.block::<0, 1>(source, sums, length),
                2 => self.block::<1, 0>(source, sums, length),
                3 => self.block::<1, 1>(source, sums, length),
                4 => self.block::<2, 0>(source, sums, length),
                5 => self.block::<2, 1>(source, sums, length),
                6 => self.block::<3, 0>(source, sums, length),
                7 => self.block::<3, 1>(source, sums, length),
                8 => self.block::<4, 0>(source, sums, length),
                _ => self.block::<4, 1>(source, sums, length),
            }
            done += count * WIDTH;
        }
    }

    /// Sums `LONG` vectors of sixteen values, and then `SHORT` ones of eight, at most one. The sums of one channel are
    /// `length` apart from those of the next.
    #[inline]
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn block<const LONG: usize, const SHORT: usize>(&self, source: &[f32], sums: &mut [f32], length: usize) {
        let values = 2 * WIDTH * LONG + WIDTH * SHORT;
        let mut long = [[_mm512_setzero_ps(); LONG]; TILE];
        let mut short = [[_mm256_setzero_ps(); SHORT]; TILE];
        for (&start, weights) in self.starts.iter().zip(self.weights) {
            let run = source[start..][..values].as_ptr();
            // SAFETY: the run has `values` values, and a vector may begin at any of them.
            let x: [__m512; LONG] = std::array::from_fn(|i| unsafe { _mm512_loadu_ps(run.add(2 * WIDTH * i)) });
            let y: [__m256; SHORT] = std::array::from_fn(|_| unsafe { _mm256_loadu_ps(run.add(2 * WIDTH * LONG)) });
            for ((long, short), weight) in long.iter_mut().zip(&mut short).zip(weights) {
                let weight = _mm512_set1_ps(*weight);
                for (sum, x) in long.iter_mut().zip(x) {
                    *sum = _mm512_fmadd_ps(weight, x, *sum);
                }
                for (sum, y) in short.iter_mut().zip(y) {
                    *sum = _mm256_fmadd_ps(_mm512_castps512_ps256(weight), y, *sum);
                }
            }
        }
        for (channel, (long, short)) in long.iter().zip(&short).enumerate() {
            let run = sums[channel * length..][..values].as_mut_ptr();
            for (i, sum) in long.iter().enumerate() {
                // SAFETY: as above.
                unsafe { _mm512_storeu_ps(run.add(2 * WIDTH * i), *sum) };
            }
            for sum in short {
                // SAFETY: as above.
                unsafe { _mm256_storeu_ps(run.add(2 * WIDTH * LONG), *sum) };
            }
        }
    }
}
