//! The compact network on COIL-20.

use anyhow::Result;
use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor};
use decoy::catalog::Architecture;
use decoy::classifier::Classifier;
use decoy::model::{Compact, CompactConfig};
use decoy_data::{Coil20, DataSet};

use super::steps::Schedule;
use super::supervised::{self, Recipe, SupervisedArgs, Trainee};

/// Runs `decoy train coil20`.
pub fn run(args: &SupervisedArgs) -> Result<()> {
    let recipe = Recipe {
        architecture: Architecture::Compact,
        // Where noise hides most of the picture, it takes longer to learn.
        epochs: |sigma| if sigma > 1.0 { 180 } else { 90 },
        batch: 38,
        optimizer: AdamConfig::new().init(),
        schedule: Schedule { rate: 1e-3, warm_up: 0.0, decay: true },
        shift: 0,
        mirror: false,
    };
    let side = Coil20.about().height;
    supervised::run(args, &Coil20, &recipe, |device: &Device, classes| CompactConfig { side, classes }.init(device))
}

impl Trainee for Compact {
    type Network = Self;

    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        Classifier::logits(self, pixels)
    }

    fn network(&self, _batches: impl Iterator<Item = Tensor<4>>) -> Self {
        self.valid()
    }
}
