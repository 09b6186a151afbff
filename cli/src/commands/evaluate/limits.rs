//! An upper limit on ‖Δx‖₂ for any network: half the distance to the nearest picture of another class.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use decoy::metrics::significant;

use crate::pictures::Images;

/// Pictures compared at once, each with [`AT_ONCE`] others.
const AT_ONCE: usize = 500;

/// Half the L2 distance from each of `images` to the nearest of `all` that has another class. A network that classifies
/// both correctly changes its class somewhere on the line between them, so it can be fooled within half the distance
/// on one of the two.
pub fn of(images: &Images, all: &Images, device: &Device) -> Result<Vec<f64>> {
    let mut nearest = Vec::with_capacity(images.len());
    for (some, classes) in images.batches(AT_ONCE, device) {
        let some: Tensor<2> = some.flatten(1, 3);
        let squares = squares(&some);
        let mut found = vec![f64::INFINITY; classes.len()];
        for (others, their_classes) in all.batches(AT_ONCE, device) {
            let others: Tensor<2> = others.flatten(1, 3);
            // |a − b|² = |a|² + |b|² − 2 a·b, all pairs in one matrix product.
            let product = some.clone().matmul(others.clone().transpose()).mul_scalar(-2.0);
            let distances = product + squares.clone() + self::squares(&others).transpose();
            let distances: Vec<f32> = pollster::block_on(distances.into_data_async())?.try_to_vec()?;
            for ((found, class), distances) in found.iter_mut().zip(classes).zip(distances.chunks(their_classes.len()))
            {
                for (other, &distance) in their_classes.iter().zip(distances) {
                    if other != class {
                        *found = found.min(f64::from(distance));
                    }
                }
            }
        }
        nearest.extend(found);
    }
    // Five digits are the precision of a difference of two large sums.
    Ok(nearest.iter().map(|square| significant(square.max(0.0).sqrt() / 2.0, 5)).collect())
}

/// The squared L2 norm of each row, `[N, 1]`.
fn squares(rows: &Tensor<2>) -> Tensor<2> {
    rows.clone().square().sum_dim(1)
}

#[cfg(test)]
mod tests {
    use decoy::classifier::Input;

    use super::*;

    #[test]
    fn the_nearest_picture_of_another_class_counts() {
        let mut all = Images::new(Input { channels: 1, height: 1, width: 2 });
        for (levels, class) in [([0, 0], 0), ([51, 0], 0), ([153, 204], 1), ([0, 255], 1)] {
            all.add(&levels, class, "");
        }
        let limits = of(&all, &all, &Device::flex()).expect("the device works");
        // From (0.2, 0) to (0.6, 0.8), and from (0, 0) to both others, the length is √0.8 or 1.
        let expected = [0.5, 0.8_f64.sqrt() / 2.0, 0.8_f64.sqrt() / 2.0, 0.5];
        for (found, expected) in limits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{limits:?}");
        }
    }
}
