//! Certificates by randomised smoothing: Cohen et al. 2019, arXiv 1902.02918.
//!
//! An attack shows that a small change is enough to fool a network. A certificate proves that no change below a certain
//! size is enough. It holds for the smoothed classifier, which is the majority vote of the network on noisy copies of a
//! picture, and not for the network itself. For every change with ‖Δx‖₂ below the certified radius, the vote stays the
//! same.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use decoy::certify::{Certification, CertifyOptions};
//! use decoy::classifier::Frozen;
//! use decoy::model::CompactConfig;
//!
//! # pollster::block_on(async {
//! let device = Device::flex();
//! let network = Frozen::new(&CompactConfig { side: 32, classes: 5 }.init(&device));
//! let picture = Tensor::full([1, 1, 32, 32], 0.5, &device);
//!
//! let options = CertifyOptions { choose: 20, count: 200, ..CertifyOptions::new(0.25) };
//! let mut certification = Certification::begin(&network, picture, options).await?;
//! while let Some(progress) = certification.advance(50).await? {
//!     println!("{} of {} votes", progress.votes, progress.total);
//! }
//! let certificate = certification.finish();
//! match certificate.radius {
//!     Some(radius) => println!("class {} for every ‖Δx‖₂ below {radius:.3}", certificate.class),
//!     None => println!("the votes are too divided"),
//! }
//! # assert_eq!(certificate.count, 200);
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```

use std::rc::Rc;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF, Normal};

use crate::classifier::{Classifier, Frozen, constant, leaders};
use crate::error::Error;
use crate::noise::Random;
use crate::tensors::read;

/// The parameters of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct CertifyOptions {
    /// σ: standard deviation of the Gaussian noise under which the network votes, for pixels in [0, 1]; above 0, at
    /// most 100.
    pub sigma: f64,
    /// n₀: the number of votes that choose the class, at least 1.
    pub choose: usize,
    /// n: the number of new votes that are counted for that class, at least 1.
    pub count: usize,
    /// α: the certificate is wrong with at most this probability; above 0, below 0.5.
    pub alpha: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl CertifyOptions {
    /// The defaults: n₀ = 100 and α = 0.001 as in the paper, and n = 1000. The paper counts n = 100 000 votes.
    pub fn new(sigma: f64) -> Self {
        Self { sigma, choose: 100, count: 1000, alpha: 0.001, seed: 0 }
    }

    fn check(&self) -> Result<(), Error> {
        check_sigma(self.sigma)?;
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return wrong("alpha", "above 0 and below 0.5", self.alpha);
        }
        at_least_one("choose", self.choose)?;
        at_least_one("count", self.count)
    }
}

fn check_sigma(sigma: f64) -> Result<(), Error> {
    if sigma > 0.0 && sigma <= 100.0 { Ok(()) } else { wrong("sigma", "above 0, to 100", sigma) }
}

fn at_least_one(name: &str, found: usize) -> Result<(), Error> {
    if found > 0 { Ok(()) } else { wrong(name, "at least 1", 0.0) }
}

fn wrong(name: &str, expected: &str, found: f64) -> Result<(), Error> {
    Err(Error::Parameter { name: name.to_owned(), expected: expected.to_owned(), found: found.to_string() })
}

/// The certificate of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Certificate {
    /// The class with the most of the first n₀ votes.
    pub class: usize,
    /// How many of the counted votes are for this class.
    pub votes: usize,
    /// The number of counted votes.
    pub count: usize,
    /// The lower bound on the class's share of votes; it holds with probability 1 − α.
    pub share: f64,
    /// Changes with an L2 norm below this do not alter the vote. Absent if the share is not above one half.
    pub radius: Option<f64>,
}

/// The progress of a [`Certification`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct VotingProgress {
    /// Votes so far.
    pub votes: usize,
    /// Votes in all.
    pub total: usize,
    /// Votes by class, of the current part: first the votes that choose the class, then those that are counted.
    pub by_class: Vec<usize>,
}

/// A certificate in progress. Call [`advance`](Certification::advance) until it returns `None`, then
/// [`finish`](Certification::finish). The number of votes is fixed before the first one: stopping when the result looks
/// good would prove nothing.
pub struct Certification<'a> {
    network: &'a Frozen,
    /// `[1, C, H, W]`
    pixels: Tensor<4>,
    options: CertifyOptions,
    /// Votes so far.
    cast: usize,
    /// The votes that choose the class, by class.
    chosen: Vec<usize>,
    /// The votes that are counted, by class.
    counted: Vec<usize>,
}

impl<'a> Certification<'a> {
    /// Begins on one picture `[1, C, H, W]`, in [0, 1].
    ///
    /// # Errors
    ///
    /// If an option is out of range, the network's answer is not a finite number, or the device fails.
    pub async fn begin(network: &'a Frozen, pixels: Tensor<4>, options: CertifyOptions) -> Result<Self, Error> {
        options.check()?;
        let classes = network.predict(pixels.clone()).await?[0].ranked().len();
        let none = vec![0; classes];
        Ok(Self { network, pixels, options, cast: 0, chosen: none.clone(), counted: none })
    }

    /// Casts up to `votes` votes in one batch and reads them back. Returns `None` when all votes are cast.
    ///
    /// # Errors
    ///
    /// If the device fails, or if the network's answer under noise is not a finite number.
    pub async fn advance(&mut self, votes: usize) -> Result<Option<VotingProgress>, Error> {
        let CertifyOptions { choose, count, .. } = self.options;
        let total = choose + count;
        if self.cast == total {
            return Ok(None);
        }
        let end = if self.cast < choose { choose } else { total };
        let votes = votes.max(1).min(end - self.cast);
        let mut found = read(self.votes(votes)).await?;
        if !found.pop().is_some_and(f32::is_finite) {
            return Err(Error::NotFinite);
        }
        let part = if self.cast < choose { &mut self.chosen } else { &mut self.counted };
        for (sum, found) in part.iter_mut().zip(found) {
            *sum += found.round() as usize;
        }
        let by_class = part.clone();
        self.cast += votes;
        Ok(Some(VotingProgress { votes: self.cast, total, by_class }))
    }

    /// The next votes by class, and after them the sum of all logits, which is finite if all of them are, `[K + 1]`.
    /// Every vote has its own stream of random numbers, so the votes do not depend on the batch size.
    fn votes(&self, votes: usize) -> Tensor<1> {
        let [_, channels, height, width] = self.pixels.dims();
        let values = channels * height * width;
        let mut noise = vec![0.0; votes * values];
        for (vote, noise) in noise.chunks_exact_mut(values).enumerate() {
            Random::new(self.options.seed, (self.cast + vote) as u64).fill_normal(noise, self.options.sigma as f32);
        }
        let noise = TensorData::new(noise, [votes, channels, height, width]);
        let logits = self.network.logits(Tensor::from_data(noise, self.network.device()) + self.pixels.clone());
        let by_class = leaders(logits.clone(), 1).remove(0).sum_dim(0).squeeze_dim(0);
        Tensor::cat(vec![by_class, logits.sum()], 0)
    }

    /// The certificate from the votes so far. They are complete once [`advance`](Certification::advance) has returned
    /// `None`.
    pub fn finish(&self) -> Certificate {
        let most = |votes: &[usize]| (0..votes.len()).rev().max_by_key(|&class| votes[class]).unwrap_or(0);
        let class = most(&self.chosen);
        let (votes, count) = (self.counted[class], self.counted.iter().sum());
        let share = lower_bound(votes, count, self.options.alpha);
        Certificate { class, votes, count, share, radius: radius(share, self.options.sigma) }
    }
}

/// A lower bound on the share of votes of a class that got `votes` of `count`; it holds with probability 1 − `alpha`.
/// This is the one-sided bound of Clopper and Pearson 1934.
pub fn lower_bound(votes: usize, count: usize, alpha: f64) -> f64 {
    if votes == 0 {
        return 0.0;
    }
    if votes == count {
        return alpha.powf(1.0 / count as f64); // pⁿ = α; the quantile below does not end for millions of votes
    }
    let beta = Beta::new(votes as f64, (count - votes + 1) as f64).expect("both parameters are above 0");
    beta.inverse_cdf(alpha)
}

/// σ·Φ⁻¹(`share`): the radius that a vote share proves, for noise of standard deviation `sigma`. `None` if the share is
/// at most one half.
pub fn radius(share: f64, sigma: f64) -> Option<f64> {
    (share > 0.5).then(|| sigma * Normal::standard().inverse_cdf(share))
}

/// The noise of a smoothed classifier that is attacked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Smoothing {
    /// σ: standard deviation of the Gaussian noise, for pixels in [0, 1]; above 0, at most 100.
    pub sigma: f64,
    /// The number of draws of the noise that the attack looks at, at least 1. Each costs a pass.
    pub draws: usize,
}

/// The smoothed classifier as a network with gradients, so that every attack can run on it. Its logits are the
/// logarithm of the mean probability over fixed draws of noise (Salman et al. 2019, arXiv 1906.04584).
pub struct Smoothed {
    network: Frozen,
    /// The draws of noise, `[M, C, H, W]`.
    draws: Tensor<4>,
}

impl Smoothed {
    /// `network` under the noise of `smoothing`, for pictures of `shape` `[C, H, W]`. The draws depend on `seed`.
    ///
    /// # Errors
    ///
    /// If `smoothing` is out of range.
    pub fn of(network: Frozen, shape: [usize; 3], smoothing: Smoothing, seed: u64) -> Result<Frozen, Error> {
        let Smoothing { sigma, draws } = smoothing;
        check_sigma(sigma)?;
        at_least_one("draws", draws)?;
        let [channels, height, width] = shape;
        let device = network.device().clone();
        let draws = Random::new(seed, u64::MAX).normal_tensor([draws, channels, height, width], sigma as f32, &device);
        Ok(Frozen::of(Rc::new(Self { network, draws }), device))
    }
}

impl Classifier for Smoothed {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        let [images, channels, height, width] = pixels.dims();
        let [draws, ..] = self.draws.dims();
        let noise = constant(self.draws.clone(), &pixels);
        let noisy = pixels.unsqueeze_dim::<5>(1) + noise.unsqueeze_dim::<5>(0);
        let logits = self.network.logits(noisy.reshape([images * draws, channels, height, width]));
        let [_, classes] = logits.dims();
        let votes = log_softmax(logits, 1).reshape([images, draws, classes]);
        // The largest value is subtracted first, so that the exponentials do not underflow.
        let largest = votes.clone().max_dim(1);
        let sum = (votes - largest.clone()).exp().sum_dim(1).log();
        (sum + largest).squeeze_dim::<2>(1) - (draws as f32).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CompactConfig;
    use burn::tensor::{Device, Tolerance};

    fn network(device: &Device) -> Frozen {
        device.seed(3);
        Frozen::new(&CompactConfig { side: 16, classes: 4 }.init(device))
    }

    #[test]
    fn bounds_are_those_of_the_paper() {
        let of = |votes, count| {
            let share = lower_bound(votes, count, 0.001);
            (share, radius(share, 1.0).expect("the votes are not divided"))
        };
        assert!((of(990, 1000).0 - 0.976_036_19).abs() < 1e-7);
        for (votes, count, expected) in
            [(990, 1000, 1.978_010), (99_000, 100_000, 2.290_000), (100_000, 100_000, 3.811_457)]
        {
            let (_, found) = of(votes, count);
            assert!((found - expected).abs() < 1e-5, "{votes} of {count}: {found}");
        }
        // All votes for one class: the closed form is α^(1/n).
        assert!((lower_bound(100, 100, 0.001) - 0.001_f64.powf(0.01)).abs() < 1e-9);
        assert!((lower_bound(100_000_000, 100_000_000, 0.001) - 0.999_999_930_9).abs() < 1e-9);
        assert_eq!((lower_bound(0, 10, 0.001), radius(0.5, 1.0)), (0.0, None));
    }

    #[test]
    fn votes_do_not_depend_on_batches() {
        let device = Device::flex();
        let network = network(&device);
        let picture = Tensor::full([1, 1, 16, 16], 0.4, &device);
        let certificate = |batch| {
            pollster::block_on(async {
                let options = CertifyOptions { choose: 10, count: 60, ..CertifyOptions::new(0.5) };
                let mut run = Certification::begin(&network, picture.clone(), options).await?;
                while run.advance(batch).await?.is_some() {}
                Ok::<_, Error>(run.finish())
            })
            .expect("it runs")
        };
        assert_eq!(certificate(7), certificate(100));
        assert_eq!(certificate(7).count, 60);
    }

    /// The logarithms of the first two pixels, which are no numbers where noise makes a pixel negative.
    struct Logarithms;

    impl Classifier for Logarithms {
        fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
            pixels.log().flatten::<2>(1, 3).narrow(1, 0, 2)
        }
    }

    #[test]
    fn votes_without_an_answer_certify_nothing() {
        let device = Device::flex();
        let network = Frozen::of(Rc::new(Logarithms), device.clone());
        let voted = pollster::block_on(async {
            let picture = Tensor::full([1, 1, 16, 16], 0.1, &device);
            Certification::begin(&network, picture, CertifyOptions::new(0.5)).await?.advance(20).await
        });
        assert!(matches!(voted, Err(Error::NotFinite)), "{voted:?}");
    }

    #[test]
    fn options_out_of_range_are_told() {
        let device = Device::flex();
        let network = network(&device);
        let usual = CertifyOptions::new(0.5);
        for (options, expected) in [
            (CertifyOptions { sigma: 0.0, ..usual }, "sigma is 0: expected above 0, to 100"),
            (CertifyOptions { alpha: 0.5, ..usual }, "alpha is 0.5: expected above 0 and below 0.5"),
            (CertifyOptions { count: 0, ..usual }, "count is 0: expected at least 1"),
        ] {
            let begun = Certification::begin(&network, Tensor::zeros([1, 1, 16, 16], &device), options);
            assert_eq!(pollster::block_on(begun).err().map(|error| error.to_string()), Some(expected.to_owned()));
        }
        for (smoothing, expected) in [
            (Smoothing { sigma: f64::NAN, draws: 1 }, "sigma is NaN: expected above 0, to 100"),
            (Smoothing { sigma: 0.5, draws: 0 }, "draws is 0: expected at least 1"),
        ] {
            let smoothed = Smoothed::of(network.clone(), [1, 16, 16], smoothing, 0);
            assert_eq!(smoothed.err().map(|error| error.to_string()), Some(expected.to_owned()));
        }
    }

    #[test]
    fn smoothed_logits_are_the_mean_over_the_draws() {
        let device = Device::flex();
        let network = network(&device);
        let pictures = Random::new(5, 0).normal_tensor([2, 1, 16, 16], 0.3, &device) + 0.5;
        let smoothing = Smoothing { sigma: 0.5, draws: 3 };
        let smoothed = Smoothed::of(network.clone(), [1, 16, 16], smoothing, 9).expect("it is within range");
        let draws = Random::new(9, u64::MAX).normal_tensor([3, 1, 16, 16], 0.5, &device);
        let probabilities = (0..3).map(|draw| {
            let noisy = pictures.clone() + draws.clone().narrow(0, draw, 1);
            log_softmax(network.logits(noisy), 1).exp()
        });
        let mean = probabilities.reduce(|sum, one| sum + one).expect("there are draws") / 3.0;
        let found = smoothed.logits(pictures).exp();
        found.into_data().assert_approx_eq::<f32>(&mean.into_data(), Tolerance::absolute(1e-6));
    }
}
