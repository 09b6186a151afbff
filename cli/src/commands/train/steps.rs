//! The steps of a training: batches, gradients, the learning rate, checkpoints.

use std::f64::consts::PI;

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use indicatif::{ProgressBar, ProgressStyle};

use super::checkpoints::Checkpoints;
use super::interrupted;

/// The learning rate in the course of a training.
#[derive(Debug)]
pub struct Schedule {
    /// The largest learning rate.
    pub rate: f64,
    /// The share of the steps in which the learning rate rises to `rate`, 0 to 1.
    pub warm_up: f64,
    /// Whether the learning rate then falls to 0 along a cosine; else it stays constant.
    pub decay: bool,
}

impl Schedule {
    /// The learning rate after the share `done` of all steps, 0 to 1.
    fn at(&self, done: f64) -> f64 {
        let Self { rate, warm_up, decay } = self;
        if done < *warm_up {
            rate * (0.05 + 0.95 * done / warm_up)
        } else if !decay {
            *rate
        } else {
            rate * 0.5 * (1.0 + (PI * (done - warm_up) / (1.0 - warm_up)).cos())
        }
    }
}

/// The steps of a training, which goes on from its last checkpoint.
pub struct Steps<'a> {
    /// How many there are.
    pub count: u32,
    /// Steps between two checkpoints.
    pub checkpoint_every: u32,
    /// The learning rate.
    pub schedule: &'a Schedule,
    /// Where the state is saved.
    pub checkpoints: &'a Checkpoints<'a>,
}

impl Steps<'_> {
    /// Trains the `model` that `optimizer` has begun with. `batch` makes what a step needs, from nothing but the number
    /// of the step, so that a resumed training gives the same network; `loss` computes the mean loss `[1]` from it.
    ///
    /// # Errors
    ///
    /// Those of `batch` and of the checkpoints, a loss that is not a number, and an interruption.
    pub fn train<M: Module, B: Send>(
        &self,
        model: M,
        optimizer: ModuleOptimizer,
        batch: impl Fn(u32) -> Result<B> + Sync,
        loss: impl Fn(&M, u32, B) -> Tensor<1>,
    ) -> Result<M> {
        let (mut model, mut optimizer, first) = self.checkpoints.resume(model, optimizer)?;
        let id = &self.checkpoints.id;
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg} {eta}")?;
        let bar = ProgressBar::new(self.count.into()).with_style(style).with_prefix(id.clone());
        bar.set_position(first.into());
        let prepare = |step: u32| (step < self.count).then(|| batch(step)).transpose();
        let mut next = prepare(first)?;
        let mut losses = Vec::new();
        for step in first..self.count {
            if interrupted() {
                return Err(self.checkpoints.interruption());
            }
            let batch = next.take().expect("one is prepared for every step");
            // A batch's noise is one sequence of random numbers, made by one thread: so it is made during the step
            // before.
            let (prepared, (stepped, loss)) = decoy_cpu::join(
                || prepare(step + 1),
                || {
                    let loss = loss(&model, step, batch);
                    let gradients = GradientsParams::from_grads(loss.clone().backward(), &model);
                    let rate = self.schedule.at(f64::from(step) / f64::from(self.count));
                    (optimizer.step(rate, model, gradients), loss.inner())
                },
            );
            (model, next) = (stepped, prepared?);
            losses.push(loss);
            bar.inc(1);
            let done = step + 1;
            if done % self.checkpoint_every == 0 || done == self.count {
                let loss = Tensor::cat(std::mem::take(&mut losses), 0).mean().into_scalar::<f32>();
                ensure!(loss.is_finite(), "{id}: the loss before step {done} is {loss}: expected a number");
                bar.set_message(format!("loss {loss:.4}"));
                if bar.is_hidden() {
                    eprintln!("{id}: {done} of {} steps, loss {loss:.4}", self.count);
                }
                self.checkpoints.save(done, &model, &optimizer)?;
            }
        }
        bar.finish();
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn the_rate_rises_then_falls() {
        let schedule = Schedule { rate: 2.0, warm_up: 0.2, decay: true };
        for (done, rate) in [(0.0, 0.1), (0.1, 1.05), (0.2, 2.0), (0.6, 1.0), (1.0, 0.0)] {
            assert!((schedule.at(done) - rate).abs() < 1e-12, "{done}: {}", schedule.at(done));
        }
        assert_eq!(Schedule { decay: false, ..schedule }.at(0.9).to_bits(), 2.0_f64.to_bits());
    }
}
