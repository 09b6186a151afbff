//! How large a perturbation is: L0, L1, L2 and L∞, in pixel space with pixels in [0, 1].

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::classifier::read;
use crate::error::Error;

/// A norm of a perturbation Δx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// How many pixel values changed at all.
    L0,
    /// The sum of the absolute changes.
    L1,
    /// The Euclidean length.
    L2,
    /// The largest absolute change.
    Linf,
}

impl Norm {
    /// The norm of every perturbation of a batch.
    ///
    /// # Shapes
    /// - `perturbation`: `[N, C, H, W]`
    /// - returns: `[N]`, not negative
    pub fn measure(self, perturbation: Tensor<4>) -> Tensor<1> {
        let flat: Tensor<2> = perturbation.flatten(1, 3);
        let norm = match self {
            Norm::L0 => flat.not_equal_elem(0.0).float().sum_dim(1),
            Norm::L1 => flat.abs().sum_dim(1),
            Norm::L2 => (flat.clone() * flat).sum_dim(1).sqrt(),
            Norm::Linf => flat.abs().max_dim(1),
        };
        norm.squeeze_dim(1)
    }
}

/// Scales every tensor of a batch to L2 length 1, however small it is; one that is zero stays zero.
///
/// # Shapes
/// - `gradient`: `[N, C, H, W]`
/// - returns: `[N, C, H, W]`
pub fn unit(gradient: Tensor<4>) -> Tensor<4> {
    // Scaled by its largest value first, or the squares of a tiny gradient underflow to 0.
    let largest = Norm::Linf.measure(gradient.clone()).clamp_min(f32::MIN_POSITIVE);
    let scaled = gradient / per_image(largest);
    let length = Norm::L2.measure(scaled.clone()).clamp_min(f32::MIN_POSITIVE);
    scaled / per_image(length)
}

/// A value per image `[N]` as `[N, 1, 1, 1]`, to be broadcast over its pixels.
pub fn per_image(values: Tensor<1>) -> Tensor<4> {
    let [images] = values.dims();
    values.reshape([images, 1, 1, 1])
}

/// All four norms of one perturbation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Norms {
    /// How many pixel values changed.
    pub l0: f64,
    /// Sum of the absolute changes.
    pub l1: f64,
    /// Euclidean length.
    pub l2: f64,
    /// Largest absolute change.
    pub linf: f64,
}

impl Norms {
    /// No change at all.
    pub const ZERO: Self = Self { l0: 0.0, l1: 0.0, l2: 0.0, linf: 0.0 };

    /// The norms of every perturbation `[N, C, H, W]`, read back from the device.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub async fn read(perturbation: Tensor<4>) -> Result<Vec<Self>, Error> {
        let all = [Norm::L0, Norm::L1, Norm::L2, Norm::Linf].map(|norm| norm.measure(perturbation.clone()));
        let rows = read(Tensor::stack::<2>(all.into(), 1)).await?;
        Ok(rows
            .chunks_exact(4)
            .map(|row| Self { l0: row[0].into(), l1: row[1].into(), l2: row[2].into(), linf: row[3].into() })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn perturbation() -> Tensor<4> {
        Tensor::from_data([[[[3.0_f32, 0.0], [-4.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]], &Device::flex())
    }

    #[test]
    fn norms_of_a_known_perturbation() {
        let norms = pollster::block_on(Norms::read(perturbation())).expect("the CPU does not fail");
        assert_eq!(norms[0], Norms { l0: 2.0, l1: 7.0, l2: 5.0, linf: 4.0 });
        assert_eq!(norms[1], Norms::ZERO);
    }

    #[test]
    fn unit_survives_underflow_and_zero() {
        let tiny = unit(perturbation() * 1e-30);
        let length = Norm::L2.measure(tiny).into_data().try_to_vec::<f32>().expect("f32");
        assert!((length[0] - 1.0).abs() < 1e-6, "{length:?}");
        assert_eq!(length[1], 0.0);
    }
}
