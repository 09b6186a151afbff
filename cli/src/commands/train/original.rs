//! The network of the original experiment on COIL-20: a study that is measured and not shipped.

use anyhow::Result;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor};
use decoy::catalog::Architecture;
use decoy::model::{Original, OriginalConfig};
use decoy_data::{Coil20, DataSet};

use super::steps::Schedule;
use super::supervised::{self, Recipe, SupervisedArgs, Trainee};

/// Runs `decoy train coil20-original`. As in the original experiment, the noise has one strength.
pub fn run(args: &SupervisedArgs) -> Result<()> {
    let recipe = Recipe {
        architecture: Architecture::Original,
        epochs: |_| 10,
        batch: 72,
        optimizer: AdamConfig::new().init(),
        schedule: Schedule { rate: 1e-3, warm_up: 0.0, decay: false },
        shift: 0,
        mirror: false,
    };
    let side = Coil20.about().height;
    supervised::run(&args.with_fixed_noise(), &Coil20, &recipe, |device: &Device, classes| Trained {
        network: OriginalConfig { side, classes }.init(device),
        dropout: DropoutConfig::new(0.5).init(),
    })
}

/// The network with its dropout.
#[derive(Module, Debug)]
struct Trained {
    network: Original,
    dropout: Dropout,
}

impl Trainee for Trained {
    type Network = Original;

    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.network.logits_with(pixels, |x| self.dropout.forward(x))
    }

    fn network(&self, _batches: impl Iterator<Item = Tensor<4>>) -> Original {
        self.network.clone()
    }
}
