//! One ascent in one ball, with its adaptive step size.

use burn::tensor::{Bool, Tensor};

use super::Apgd;
use crate::attack::{Problem, choose, within_box_direction};
use crate::norm::Norm;
use crate::per_image;
use crate::tensors::broadcast;

/// One ascent from one start.
pub(super) struct Climb {
    norm: Norm,
    /// Radius of the ball, `[N]`
    radius: Tensor<1>,
    /// The largest number of steps.
    steps: usize,
    /// Steps taken.
    step: usize,
    /// Steps taken since the last checkpoint.
    since: usize,
    /// Steps from the last checkpoint to the next.
    period: usize,
    /// η, length of a step, `[N]`
    step_size: Tensor<1>,
    /// The image before the current one, `[N, C, H, W]`
    previous: Tensor<4>,
    /// The image with the highest loss, `[N, C, H, W]`
    top: Tensor<4>,
    /// The gradient at `top`, `[N, C, H, W]`
    top_gradient: Tensor<4>,
    /// The loss at `top`, `[N]`
    top_loss: Tensor<1>,
    pace: Pace,
}

/// How the step size is adapted at the checkpoints.
enum Pace {
    Halving(Box<Halving>),
    Sparse(Box<Sparse>),
}

/// In L2 and L∞: halves the step size.
struct Halving {
    /// ρ: the share of the steps in which the loss must rise.
    rho: f32,
    /// The highest loss at the last checkpoint, `[N]`
    checked_loss: Tensor<1>,
    /// The loss at the last step, `[N]`
    last_loss: Tensor<1>,
    /// Number of steps since the last checkpoint in which the loss rose, `[N]`
    rises: Tensor<1>,
    /// 1 where the last checkpoint halved the step size, `[N]`
    halved: Tensor<1>,
}

/// In L1: reduces the number of values that a step changes, or its size.
struct Sparse {
    /// k, the number of values that a step changes, `[N]`
    count: Tensor<1>,
    /// Number of values in which `top` differed from the original at the last checkpoint, `[N]`
    changed: Tensor<1>,
}

impl Climb {
    /// Begins at `start` `[N, C, H, W]`, in a ball of `radius` `[N]`.
    pub fn new(config: &Apgd, problem: &Problem, start: Tensor<4>, radius: Tensor<1>, steps: usize) -> Self {
        let zero = problem.for_each(0.0);
        let (first_check, length, pace) = if config.norm == Norm::L1 {
            let changed = Norm::L0.distance(start.clone(), problem.pixels.clone());
            (0.04, 1.0, Pace::Sparse(Box::new(Sparse { count: changed.clone() / FEWER, changed })))
        } else {
            let pace = Halving {
                rho: config.rho,
                checked_loss: zero.clone(),
                last_loss: zero.clone(),
                rises: zero.clone(),
                // 1, so that the first checkpoint does not halve the step size only because the loss has not risen yet.
                halved: zero.ones_like(),
            };
            (0.22, 2.0, Pace::Halving(Box::new(pace)))
        };
        Self {
            norm: config.norm,
            step_size: radius.clone() * length,
            radius,
            steps,
            step: 0,
            since: 0,
            period: share(first_check, steps),
            previous: start.clone(),
            top_gradient: start.zeros_like(),
            top: start,
            top_loss: zero,
            pace,
        }
    }

    /// Whether no steps are left.
    pub fn is_over(&self) -> bool {
        self.step == self.steps
    }

    /// The image with the highest loss, `[N, C, H, W]`.
    pub fn top(&self) -> Tensor<4> {
        self.top.clone()
    }

    /// Records the loss `[N]` and its gradient at the current images, and returns the next images.
    pub fn next(&mut self, problem: &Problem, current: Tensor<4>, loss: Tensor<1>, gradient: Tensor<4>) -> Tensor<4> {
        let (from, gradient) = self.record(problem, current, loss, gradient);
        let next = match &self.pace {
            Pace::Halving(_) => self.with_momentum(problem, from.clone(), gradient),
            Pace::Sparse(sparse) => {
                let steepest =
                    Norm::L0.project(within_box_direction(from.clone(), gradient), sparse.count.clone()).sign();
                let values = Norm::L0.measure(steepest.clone()).clamp_min(1.0);
                let stepped = from.clone() + steepest * broadcast(self.step_size.clone() / values);
                problem.project(self.norm, stepped, self.radius.clone())
            }
        };
        self.previous = from;
        self.step += 1;
        next
    }

    fn with_momentum(&self, problem: &Problem, from: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let within = |pixels| problem.project(self.norm, pixels, self.radius.clone());
        let step = if self.norm == Norm::Linf { per_image::sign_step } else { per_image::step };
        let stepped = within(step(from.clone(), gradient, self.step_size.clone()));
        if self.step == 0 {
            return stepped;
        }
        let momentum = from.clone() - self.previous.clone();
        within(from.clone() + (stepped - from) * MOMENTUM + momentum * (1.0 - MOMENTUM))
    }

    /// Keeps the image with the highest loss. Returns the image and the gradient from which the next step begins.
    fn record(
        &mut self,
        problem: &Problem,
        current: Tensor<4>,
        loss: Tensor<1>,
        gradient: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        if self.step == 0 {
            self.top = current.clone();
            self.top_gradient = gradient.clone();
            self.top_loss = loss.clone();
            if let Pace::Halving(halving) = &mut self.pace {
                halving.checked_loss = loss.clone();
                halving.last_loss = loss;
            }
            return (current, gradient);
        }
        let higher = loss.clone().greater(self.top_loss.clone());
        self.top = choose(higher.clone(), current.clone(), self.top.clone());
        self.top_gradient = choose(higher.clone(), gradient.clone(), self.top_gradient.clone());
        self.top_loss = self.top_loss.clone().mask_where(higher, loss.clone());
        if let Pace::Halving(halving) = &mut self.pace {
            halving.rises = halving.rises.clone() + loss.clone().greater(halving.last_loss.clone()).float();
            halving.last_loss = loss;
        }
        self.since += 1;
        if self.since < self.period {
            return (current, gradient);
        }
        let back = self.check(problem);
        (choose(back.clone(), self.top.clone(), current), choose(back, self.top_gradient.clone(), gradient))
    }

    /// A checkpoint: adapts the step size and begins the next period. Returns where the search goes back to the best
    /// image, `[N]`.
    fn check(&mut self, problem: &Problem) -> Tensor<1, Bool> {
        self.since = 0;
        match &mut self.pace {
            Pace::Halving(halving) => {
                let stalled = halving.check(&self.top_loss, self.period);
                self.step_size = self.step_size.clone().mask_where(stalled.clone(), self.step_size.clone() / 2.0);
                self.period = self.period.saturating_sub(share(0.03, self.steps)).max(share(0.06, self.steps));
                stalled
            }
            Pace::Sparse(sparse) => {
                let changed = Norm::L0.distance(self.top.clone(), problem.pixels.clone());
                let fewer = changed.clone().lower(sparse.changed.clone() * 0.95);
                let shorter = (self.step_size.clone() / FEWER).max_pair(self.radius.clone() / 10.0);
                self.step_size = shorter.mask_where(fewer.clone(), self.radius.clone());
                **sparse = Sparse { count: changed.clone() / FEWER, changed };
                fewer
            }
        }
    }
}

impl Halving {
    /// Returns where the step size is to be halved, `[N]`.
    fn check(&mut self, top_loss: &Tensor<1>, period: usize) -> Tensor<1, Bool> {
        let seldom = self.rises.clone().lower_equal_elem(self.rho * period as f32);
        let unchanged = self.checked_loss.clone().greater_equal(top_loss.clone());
        let stalled = seldom.bool_or(unchanged.bool_and(self.halved.clone().lower_elem(0.5)));
        self.halved = stalled.clone().float();
        self.checked_loss = top_loss.clone();
        self.rises = self.rises.zeros_like();
        stalled
    }
}

/// The weight of the gradient step; the rest of a step is momentum.
const MOMENTUM: f32 = 0.75;

/// In L1, the number of values in a step and the step size are divided by this.
const FEWER: f32 = 1.5;

/// `part` of the number of steps, at least one step.
fn share(part: f32, steps: usize) -> usize {
    ((part * steps as f32) as usize).max(1)
}
