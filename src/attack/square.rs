//! The Square attack: Andriushchenko et al. 2020, arXiv 1912.00049.

use burn::tensor::{Tensor, TensorData};

use super::entry::{Entry, Texts, epsilon, field, seed, steps};
use super::random::Random;
use super::{About, Attack, Best, Passes, Problem, Search, State, choose};
use crate::norm::{Norm, unit};
use crate::tensors::broadcast;

/// Random squares on the surface of the ball of radius ε. A change is kept where it raises the margin. Uses no
/// gradient.
///
/// Difference from the paper: all images of a batch get the same positions and colours, so that a result does not
/// depend on an image's place in the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    /// L2 or L∞.
    pub norm: Norm,
    /// ε, the radius of the ball.
    pub epsilon: f32,
    /// Queries, one forward pass each.
    pub steps: usize,
    /// p: the share of the picture that the first square covers. It falls as the queries go on.
    pub share: f32,
    /// Seed of the random squares.
    pub seed: u64,
}

impl Square {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, epsilon: norm.default_epsilon(), steps: 5000, share: 0.8, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "Square: without gradients",
        summary: "Tries squares of colour at random places and keeps those that make the network less sure, by its answers \
                  alone. Needs no gradient, and so also fools networks that hide theirs.",
        featured: false,
    };
    let fields = |norm| {
        let help = "The share of the picture that the first square covers.";
        vec![
            steps(|square: &mut Square| &mut square.steps),
            epsilon(norm, |square: &mut Square| &mut square.epsilon),
            field("share", "First square p", help, 0.001..=1.0, |square: &mut Square| &mut square.share),
            seed(|square: &mut Square| &mut square.seed),
        ]
    };
    Entry::bounded(texts, &[Norm::Linf, Norm::L2], Square::new, fields)
}

impl Attack for Square {
    fn about(&self) -> About {
        About {
            cost: Passes::default().and_forward(self.steps),
            epsilon: Some(self.epsilon),
            black_box: true,
            ..About::new("square", self.norm, self.steps)
        }
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let mut search = SquareSearch {
            config: *self,
            epsilon: state.epsilon.clone(),
            kept: problem.pixels.zeros_like(),
            margin: problem.for_each(-Best::NONE),
            random: Random::new(self.seed),
        };
        let start = if self.norm == Norm::Linf { search.stripes() } else { search.tiles() };
        state.current = problem.perturbed(start);
        Box::new(search)
    }
}

struct SquareSearch {
    config: Square,
    /// `[N]`
    epsilon: Tensor<1>,
    /// The best perturbation so far, `[N, C, H, W]`
    kept: Tensor<4>,
    /// Its margin, `[N]`
    margin: Tensor<1>,
    random: Random,
}

impl SquareSearch {
    /// Vertical stripes of ε or −ε, drawn separately for every channel, `[N, C, H, W]`.
    fn stripes(&mut self) -> Tensor<4> {
        let [images, channels, height, width] = self.kept.dims();
        let signs = self.signs([1, channels, 1, width]);
        signs.expand([images, channels, height, width]) * broadcast(self.epsilon.clone())
    }

    /// Bumps of random sign in a 5×5 grid, scaled to L2 length ε, `[N, C, H, W]`.
    fn tiles(&mut self) -> Tensor<4> {
        let [images, channels, height, width] = self.kept.dims();
        let mut tiles = Tensor::zeros([1, channels, height, width], &self.kept.device());
        let side = (height.min(width) / 5).max(1);
        for top in (0..=height - side).step_by(side) {
            for left in (0..=width - side).step_by(side) {
                let tile = self.bump(side) * self.signs([1, channels, 1, 1]);
                tiles = tiles.slice_assign([0..1, 0..channels, top..top + side, left..left + side], tile);
            }
        }
        unit(tiles).expand([images, channels, height, width]) * broadcast(self.epsilon.clone())
    }

    /// Random signs −1 and 1 of this shape.
    fn signs(&mut self, shape: [usize; 4]) -> Tensor<4> {
        let values = (0..shape.iter().product()).map(|_| self.random.sign()).collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, shape), &self.kept.device())
    }

    /// Side of the square in this query, at least `least`. The paper's schedule is for 10 000 queries; it is scaled to
    /// `steps`.
    fn side(&self, query: usize, least: usize) -> usize {
        let [_, _, height, width] = self.kept.dims();
        let query = 10_000 * query / self.config.steps;
        let halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000].iter().filter(|&&after| query > after).count();
        let share = self.config.share / (1 << halvings) as f32;
        let side = (share * (height * width) as f32).sqrt().round() as usize;
        side.max(least).min(height.min(width))
    }

    /// A random square with sides of `side` pixels, as ranges of rows and columns.
    fn place(&mut self, side: usize) -> [std::ops::Range<usize>; 2] {
        let [_, _, height, width] = self.kept.dims();
        let (top, left) = (self.random.below(height - side + 1), self.random.below(width - side + 1));
        [top..top + side, left..left + side]
    }

    /// The next perturbation to try in L∞: a square of ε or −ε, with a random sign for each channel.
    fn repaint(&mut self, query: usize) -> Tensor<4> {
        let [images, channels, ..] = self.kept.dims();
        let side = self.side(query, 1);
        let [rows, columns] = self.place(side);
        let colour = self.signs([1, channels, 1, 1]).expand([images, channels, side, side]);
        let colour = colour * broadcast(self.epsilon.clone());
        self.kept.clone().slice_assign([0..images, 0..channels, rows, columns], colour)
    }

    /// The next perturbation to try in L2. The change in one window is set to 0. Its length, and the part of ε that is
    /// not used, go to a bump in another window.
    fn shift(&mut self, query: usize) -> Tensor<4> {
        let [images, channels, height, width] = self.kept.dims();
        // An odd side, so that a bump has a centre pixel; at most the side of the picture.
        let side = (self.side(query, 3) | 1).min((height.min(width) - 1) | 1);
        let [rows, columns] = self.place(side);
        let [old_rows, old_columns] = self.place(side);
        let here = [0..images, 0..channels, rows, columns];
        let there = [0..images, 0..channels, old_rows, old_columns];

        let window = self.kept.clone().slice(here.clone());
        let emptied =
            self.kept.clone().slice_assign(there, Tensor::zeros([images, channels, side, side], &self.kept.device()));
        let remaining = emptied.clone().slice_assign(here.clone(), window.zeros_like());
        let square = |tensor: Tensor<4>| {
            let length = Norm::L2.measure(tensor);
            length.clone() * length
        };
        // The squared length of both windows and the unused part of ε², divided equally between the channels.
        let spare = (self.epsilon.clone() * self.epsilon.clone() - square(remaining)).clamp_min(0.0) / channels as f32;
        let bump = self.bump(side) * self.signs([1, channels, 1, 1]);
        let held = channel_length(window.clone()).clamp_min(1e-12);
        let direction = bump.expand([images, channels, side, side]) + window / held;
        let length = channel_length(direction.clone()).clamp_min(1e-12);
        let fresh = direction / length * broadcast(spare.sqrt());
        let moved = emptied.slice_assign(here, fresh);
        unit(moved) * broadcast(self.epsilon.clone())
    }

    /// Two hills of opposite sign, side by side or one above the other, with L2 length 1 in all, `[1, 1, side, side]`.
    fn bump(&mut self, side: usize) -> Tensor<4> {
        let half = side / 2;
        let mut values = hill(half, side);
        values.extend(hill(side - half, side).into_iter().map(|value| -value));
        let bump = Tensor::from_data(TensorData::new(values, [1, 1, side, side]), &self.kept.device());
        let bump = unit(bump);
        if self.random.sign() > 0.0 { bump } else { bump.swap_dims(2, 3) }
    }
}

/// A hill of nested rectangles, with L2 length 1, row by row. The k-th smallest rectangle adds 1 / k² to the values
/// inside it.
fn hill(height: usize, width: usize) -> Vec<f32> {
    let mut values = vec![0.0_f32; height * width];
    let (middle, centre) = ((height / 2) as isize, (width / 2) as isize);
    for ring in 0..(height / 2).max(width / 2) as isize + 1 {
        for row in 0..height as isize {
            for column in 0..width as isize {
                if (row - middle).abs() <= ring && (column - centre).abs() <= ring {
                    values[row as usize * width + column as usize] += 1.0 / ((ring + 1) * (ring + 1)) as f32;
                }
            }
        }
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    values.into_iter().map(|value| value / length).collect()
}

/// The L2 length of every channel of every image, `[N, C, 1, 1]`.
fn channel_length(tensor: Tensor<4>) -> Tensor<4> {
    (tensor.clone() * tensor).sum_dim(3).sum_dim(2).sqrt()
}

impl Search for SquareSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let logits = problem.logits(state.current.clone());
        let margin = problem.criterion.margin(logits.clone());
        state.record_margin(problem, logits, margin.clone());
        let found = state.stop_where_found();
        let better = margin.clone().greater(self.margin.clone());
        let tried = state.current.clone() - problem.pixels.clone();
        self.kept = choose(better.clone(), tried, self.kept.clone());
        self.margin = self.margin.clone().mask_where(better, margin);

        let query = state.step + 1;
        let next = if state.norm == Norm::Linf { self.repaint(query) } else { self.shift(query) };
        state.current = choose(found, state.current.clone(), problem.perturbed(next));
    }
}
