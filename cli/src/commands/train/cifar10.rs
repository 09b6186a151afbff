//! The residual network on CIFAR-10, with BatchNorm while it is trained.

use anyhow::Result;
use burn::module::Module;
use burn::optim::SgdConfig;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::tensor::{Device, Tensor};
use decoy::catalog::Architecture;
use decoy::model::{Residual, ResidualConfig};
use decoy_cpu::Moments;
use decoy_data::{Cifar10, DataSet};

use super::batch_norm::BatchNorm;
use super::steps::Schedule;
use super::supervised::{self, Recipe, SupervisedArgs, Trainee};

/// Runs `decoy train cifar10`.
pub fn run(args: &SupervisedArgs) -> Result<()> {
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0).with_nesterov(true);
    let recipe = Recipe {
        architecture: Architecture::Residual,
        epochs: |_| 12,
        batch: 128,
        optimizer: SgdConfig::new()
            .with_momentum(Some(momentum))
            .with_weight_decay(Some(WeightDecayConfig::new(5e-4)))
            .init(),
        schedule: Schedule { rate: 0.2, warm_up: 0.2, decay: true },
        shift: 2,
        mirror: true,
    };
    let channels = Cifar10.about().channels;
    supervised::run(args, &Cifar10, &recipe, |device: &Device, classes| {
        let network = ResidualConfig { channels, classes }.init(device);
        let norms = network.widths().into_iter().map(|width| BatchNorm::new(width, device)).collect();
        Normalised { network, norms }
    })
}

/// A residual network with BatchNorm after every convolution.
#[derive(Module, Debug)]
struct Normalised {
    network: Residual,
    norms: Vec<BatchNorm>,
}

impl Trainee for Normalised {
    type Network = Residual;

    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.network.logits_with(pixels, |index, x| self.norms[index].forward(x))
    }

    fn network(&self, batches: impl Iterator<Item = Tensor<4>>) -> Residual {
        let mut seen: Vec<Vec<Moments>> = vec![Vec::new(); self.norms.len()];
        for pixels in batches {
            self.network.logits_with(pixels, |index, x| {
                let [_, channels, height, width] = x.dims();
                let values = x.clone().into_data().try_into_vec::<f32>().expect("f32 values");
                seen[index].push(Moments::of(&values, channels, height * width));
                self.norms[index].forward(x)
            });
        }
        let affine: Vec<_> =
            self.norms.iter().zip(&seen).map(|(norm, seen)| norm.frozen(&Moments::of_all(seen))).collect();
        self.network.clone().folded(&affine)
    }
}
