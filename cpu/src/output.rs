//! Buffers for results, which are written once: no zeros are written to them first.

use std::mem::MaybeUninit;

/// A place for a value, which may have none yet.
pub trait Place {
    fn put(&mut self, value: f32);
}

impl Place for f32 {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        *self = value;
    }
}

impl Place for MaybeUninit<f32> {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        self.write(value);
    }
}

/// The `length` values that `write` writes.
///
/// # Safety
///
/// `write` must write all of them.
pub unsafe fn written(length: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Box::new_uninit_slice(length);
    if cfg!(test) {
        values.fill(MaybeUninit::new(f32::NAN)); // so that tests see a value that was left out
    }
    write(&mut values);
    // SAFETY: the caller promises that every value was written.
    unsafe { values.assume_init() }.into_vec()
}

#[cfg(test)]
mod tests {
    use crate::convolution::tests::square;
    use crate::{Activation, Combination, Pointwise, Weights, step, unit};

    #[test]
    fn every_value_of_a_result_is_written() {
        let ones = |count: usize| vec![1.0; count];
        let check = |values: Vec<f32>, what: &str| assert!(values.iter().all(|value| !value.is_nan()), "{what}");
        for ((side, size, stride), [from, to]) in [
            (1, 1, 1),
            (1, 1, 2),
            (2, 1, 3),
            (3, 3, 1),
            (7, 5, 2),
            (8, 1, 2),
            (8, 3, 2),
            (16, 3, 1),
            (33, 5, 2),
            (9, 3, 3),
            (10, 2, 3),
        ]
        .into_iter()
        .flat_map(|case| [[1, 1], [3, 5], [8, 4]].map(|channels| (case, channels)))
        {
            let convolution = square(2, [from, to], [side, size, stride], size / 2);
            let [_, out, _] = convolution.to;
            let weights = ones(to * from * size * size);
            let weights = Weights::new(&weights);
            let (x, gradient) = (ones(2 * from * side * side), ones(2 * to * out * out));
            check(convolution.forward(&x, &weights, &ones(to)), "forward");
            check(convolution.backward(&gradient, &x, &weights), "backward");
        }
        let pointwise = Pointwise { activation: Activation::Identity, channels: 3, outputs: 5, pixels: 49 };
        let weights = ones(15);
        let (x, gradient) = (ones(2 * 3 * 49), ones(2 * 5 * 49));
        check(pointwise.forward(&x, &Weights::new(&weights), &ones(5)), "pointwise");
        check(pointwise.backward(&gradient, &x, &Weights::new(&weights)), "pointwise backward");
        check(Activation::Relu.forward(&x), "activation");
        check(unit(&x, 2), "unit");
        check(step(&x, &x, &[1.0, 2.0]), "step");
        check(Combination::Between.of(&x, &x, &[0.0, 1.0]), "combination");
    }
}
