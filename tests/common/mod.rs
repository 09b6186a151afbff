//! Networks and pictures that the tests share.
#![allow(dead_code)] // every test uses a part of it

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use decoy::attack::{Attack, Outcome, Run};
use decoy::catalog::Catalog;
use decoy::classifier::{Aim, Classifier, Frozen};
use decoy::norm::Norm;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// z = W·x + b: the network with a closed-form answer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[D, K]`
    pub weight: Param<Tensor<2>>,
    /// `[1, K]`
    pub bias: Param<Tensor<2>>,
}

impl Linear {
    /// Random weights. The bias makes the logits of middle grey zero, so that the boundaries lie near it, inside [0,
    /// 1].
    pub fn new(pixels: usize, classes: usize, seed: u64, device: &Device) -> Self {
        let weight: Tensor<2> = random([pixels, classes], seed, device);
        let bias = weight.clone().sum_dim(0) * -0.5;
        Self { weight: Param::from_tensor(weight), bias: Param::from_tensor(bias) }
    }

    /// min_k (z_y − z_k) / ‖w_k − w_y‖_q for every row of `pixels`, where q is dual to `norm`: the exact size of the
    /// smallest perturbation if the limits of [0, 1] do not matter.
    pub fn smallest(&self, pixels: &Tensor<4>, classes: &[usize], norm: Norm) -> Vec<f32> {
        let logits = rows(self.logits(pixels.clone()));
        let nearest = |(logits, &y): (&Vec<f32>, &usize)| {
            let others = (0..logits.len()).filter(|&k| k != y);
            others.map(|k| (logits[y] - logits[k]) / self.slope(k, y, norm)).fold(f32::INFINITY, f32::min)
        };
        logits.iter().zip(classes).map(nearest).collect()
    }

    /// The exact size of the smallest L1 perturbation within [0, 1], for every row of `pixels`: the values with the
    /// largest slopes go to 0 or 1, one after the other.
    pub fn smallest_in_l1(&self, pixels: &Tensor<4>, classes: &[usize]) -> Vec<f32> {
        let weight = rows(self.weight.val().transpose());
        let images = rows(pixels.clone().flatten::<2>(1, 3));
        let logits = rows(self.logits(pixels.clone()));
        let towards = |image: &[f32], logits: &[f32], y: usize, k: usize| {
            let mut slopes: Vec<(f32, f32)> = (0..image.len())
                .map(|i| (weight[k][i] - weight[y][i], image[i]))
                .map(|(slope, value)| (slope.abs(), if slope > 0.0 { 1.0 - value } else { value }))
                .collect();
            slopes.sort_by(|a, b| b.0.total_cmp(&a.0));
            let (mut missing, mut size) = (logits[y] - logits[k], 0.0);
            for (slope, room) in slopes {
                let change = room.min(missing / slope);
                size += change;
                missing -= change * slope;
                if missing <= 0.0 {
                    return size;
                }
            }
            f32::INFINITY
        };
        let nearest = |((image, logits), &y): ((&Vec<f32>, &Vec<f32>), &usize)| {
            let others = (0..logits.len()).filter(|&k| k != y);
            others.map(|k| towards(image, logits, y, k)).fold(f32::INFINITY, f32::min)
        };
        images.iter().zip(&logits).zip(classes).map(nearest).collect()
    }

    /// ‖w_k − w_y‖_q, q dual to `norm`: the largest growth of z_k − z_y per unit of change.
    pub fn slope(&self, k: usize, y: usize, norm: Norm) -> f32 {
        let weight = rows(self.weight.val().transpose());
        let gaps = weight[k].iter().zip(&weight[y]).map(|(a, b)| (a - b).abs());
        match norm {
            Norm::L0 | Norm::L1 => gaps.fold(0.0, f32::max),
            Norm::L2 => gaps.map(|gap| gap * gap).sum::<f32>().sqrt(),
            Norm::Linf => gaps.sum(),
        }
    }
}

impl Classifier for Linear {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        pixels.flatten::<2>(1, 3).matmul(self.weight.val()) + self.bias.val()
    }
}

/// A convolution, a ReLU and a dense layer, with random weights: `[N, C, H, W]` → `[N, K]`.
#[derive(Module, Debug)]
pub struct Small {
    conv: Param<Tensor<4>>,
    dense: Param<Tensor<2>>,
}

impl Small {
    /// Five filters of 3×3 pixels.
    pub fn new([channels, height, width]: [usize; 3], classes: usize, seed: u64, device: &Device) -> Self {
        let features = 5 * (height - 2) * (width - 2);
        Self {
            conv: Param::from_tensor(random([5, channels, 3, 3], seed, device)),
            dense: Param::from_tensor(random([features, classes], seed + 1, device)),
        }
    }
}

impl Classifier for Small {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        let plain = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        let features = relu(conv2d(pixels - 0.5, self.conv.val(), None, plain));
        features.flatten::<2>(1, 3).matmul(self.dense.val())
    }
}

/// Standard normal values that depend only on the seed, and not on other tests.
pub fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal = || {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * random.random::<f32>()).cos()
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The rows of a matrix.
pub fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, columns] = matrix.dims();
    values(matrix).chunks(columns).map(<[f32]>::to_vec).collect()
}

/// All values of a tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the tensors here are f32")
}

/// A shipped network.
pub fn shipped(id: &str, device: &Device) -> Frozen {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models");
    let text = std::fs::read_to_string(folder.join("models.json")).expect("the catalogue is there");
    let catalog = Catalog::parse(&text).expect("the catalogue is well formed");
    let (family, entry) = catalog.model(id).expect("the network is in the catalogue");
    let bytes = std::fs::read(folder.join(&entry.file)).expect("the weights are there");
    family.load(entry, &bytes, device).expect("the weights are the catalogue's")
}

/// `[count, 1, 128, 128]`: a lit, textured shape on a background that is exactly black, like COIL-20's; part of it is
/// exactly white.
pub fn pictures(count: usize, device: &Device) -> Tensor<4> {
    let mut pixels = Vec::with_capacity(count * 128 * 128);
    for image in 0..count {
        let (a, b) = (30 + 4 * (image % 6), 50 - 3 * (image % 5));
        for y in 0..128_usize {
            for x in 0..128_usize {
                let (dx, dy) = (x.abs_diff(64), y.abs_diff(60 + image));
                let inside = dx * dx * b * b + dy * dy * a * a < a * a * b * b;
                let shade = 60 + (x * (3 + image) + y * 5) % 110 + if dx < 12 { 120 } else { 0 };
                pixels.push(if inside { shade.min(255) as f32 / 255.0 } else { 0.0 });
            }
        }
    }
    Tensor::from_data(TensorData::new(pixels, [count, 1, 128, 128]), device)
}

/// The class that `network` predicts for each image of `pixels`.
pub fn read(network: &Frozen, pixels: &Tensor<4>) -> Vec<usize> {
    let answers = pollster::block_on(network.predict(pixels.clone())).expect("the CPU does not fail");
    answers.iter().map(|answer| answer.class()).collect()
}

/// Runs `attack` to its end.
pub fn run(attack: &dyn Attack, network: &Frozen, pixels: &Tensor<4>, aim: impl Into<Aim>) -> Outcome {
    pollster::block_on(async { Run::begin(attack, network, pixels.clone(), aim).await?.complete().await })
        .expect("the CPU does not fail")
}
