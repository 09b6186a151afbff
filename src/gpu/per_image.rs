//! What is computed for every image by itself, mostly with a thread for every few values. A sum over an image is made in two:
//! of parts of it, a thread each, and of what those have found.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use cubecl::prelude::*;

use super::{THREADS, empty, threads};
use crate::per_image::{Combination, PerImageOps, Score, ScoreGradient, ScoreOps, Size};

/// Up to this many scores one thread is fastest.
const FEW: usize = 64;

/// The most parts of an image that are summed by themselves.
const PARTS: usize = 256;

/// Values that a thread reads at once, so that one need not wait for the other.
const VALUES: usize = 8;

/// Smaller than any number of meaning, and not zero.
const TINY: f32 = f32::MIN_POSITIVE;

/// What the threads of a cube have, together; every one of them adds it up, which costs less than more barriers.
#[cube]
fn gather(value: f32, #[comptime] largest: bool, #[comptime] threads: usize) -> f32 {
    let mut total = value;
    if threads > 1 {
        let mut shared = Shared::new_slice(threads);
        shared[UNIT_POS as usize] = value;
        sync_cube();
        total = shared[0];
        for thread in 1..threads {
            total = join(total, shared[thread], largest);
        }
    }
    total
}

#[cube]
fn join(a: f32, b: f32, #[comptime] largest: bool) -> f32 {
    if largest { max(a, b) } else { a + b }
}

/// This thread's part of the values of `x`, or of `x − other`: one of `parts` of an image.
#[derive(CubeType)]
struct Part {
    /// Where the image starts.
    start: usize,
    /// How many values it has.
    values: usize,
    /// The first value of the part; the next is as many further as there are parts.
    first: usize,
    parts: usize,
}

#[cube]
fn part(values: usize, parts: usize) -> Part {
    Part { start: ABSOLUTE_POS / parts * values, values, first: ABSOLUTE_POS % parts, parts }
}

/// `size`, but for the root, of a part, each value divided by `scale`.
#[cube]
fn part_size(
    x: &[f32],
    other: &[f32],
    #[comptime] subtract: bool,
    part: &Part,
    scale: f32,
    #[comptime] size: Size,
) -> f32 {
    let largest = size == Size::Largest;
    let mut sum = 0.0f32;
    let mut i = part.first;
    while i < part.values {
        #[unroll]
        for v in 0..VALUES {
            let index = i + v * part.parts;
            let place = part.start + min(index, part.values - 1);
            let value = if subtract { x[place] - other[place] } else { x[place] };
            let value = select(index < part.values, value, 0.0f32) / scale;
            let part = match size {
                Size::Count => select(value != 0.0f32, 1.0f32, 0.0f32),
                Size::Sum | Size::Largest => value.abs(),
                Size::Length => value * value,
            };
            sum = join(sum, part, largest);
        }
        i += VALUES * part.parts;
    }
    sum
}

#[cube(launch_unchecked)]
fn parts_kernel(
    x: &[f32],
    other: &[f32],
    y: &mut [f32],
    values: usize,
    parts: usize,
    #[comptime] subtract: bool,
    #[comptime] size: Size,
) {
    if ABSOLUTE_POS < y.len() {
        y[ABSOLUTE_POS] = part_size(x, other, subtract, &part(values, parts), 1.0f32, size);
    }
}

/// The size of every image, of its parts.
#[cube(launch_unchecked)]
fn size_kernel(sizes: &[f32], y: &mut [f32], parts: usize, #[comptime] size: Size) {
    if ABSOLUTE_POS < y.len() {
        let mut total = 0.0f32;
        for part in 0..parts {
            total = join(total, sizes[ABSOLUTE_POS * parts + part], size == Size::Largest);
        }
        y[ABSOLUTE_POS] = if size == Size::Length { total.sqrt() } else { total };
    }
}

/// Of every part the largest magnitude, and the squares once it is divided by that.
#[cube(launch_unchecked)]
fn part_lengths_kernel(x: &[f32], y: &mut [f32], values: usize, parts: usize) {
    if ABSOLUTE_POS < y.len() / 2 {
        let part = part(values, parts);
        let largest = max(part_size(x, x, false, &part, 1.0f32, Size::Largest), TINY);
        y[2 * ABSOLUTE_POS] = largest;
        y[2 * ABSOLUTE_POS + 1] = part_size(x, x, false, &part, largest, Size::Length);
    }
}

/// Of every image the largest magnitude, and the length once it is divided by that.
#[cube(launch_unchecked)]
fn lengths_kernel(found: &[f32], y: &mut [f32], parts: usize) {
    if ABSOLUTE_POS < y.len() / 2 {
        let start = 2 * parts * ABSOLUTE_POS;
        let mut largest = TINY.runtime();
        for part in 0..parts {
            largest = max(largest, found[start + 2 * part]);
        }
        let mut squares = 0.0f32;
        for part in 0..parts {
            let scale = found[start + 2 * part] / largest;
            squares += scale * scale * found[start + 2 * part + 1];
        }
        y[2 * ABSOLUTE_POS] = largest;
        y[2 * ABSOLUTE_POS + 1] = max(squares.sqrt(), TINY);
    }
}

/// Every image of `x` at length 1; with `moves`, `from` plus that times `by`.
#[cube(launch_unchecked)]
fn step_kernel(
    from: &[f32],
    x: &[f32],
    lengths: &[f32],
    by: &[f32],
    y: &mut [f32],
    values: usize,
    #[comptime] moves: bool,
) {
    #[unroll]
    for v in 0..VALUES {
        let i = ABSOLUTE_POS * VALUES + v;
        if i < y.len() {
            let image = i / values;
            let unit = x[i] / lengths[2 * image] / lengths[2 * image + 1];
            y[i] = if moves { from[i] + unit * by[image] } else { unit };
        }
    }
}

#[cube(launch_unchecked)]
fn combine_kernel(
    a: &[f32],
    b: &[f32],
    by: &[f32],
    y: &mut [f32],
    values: usize,
    #[comptime] combination: Combination,
) {
    #[unroll]
    for v in 0..VALUES {
        let i = ABSOLUTE_POS * VALUES + v;
        if i < y.len() {
            let by = by[i / values];
            y[i] = match combination {
                Combination::Choice => select(by > 0.5f32, a[i], b[i]),
                Combination::Between => unit_interval(a[i] + by * (b[i] - a[i])),
                Combination::SignStep => {
                    let forward = select(b[i] > 0.0f32, by, 0.0f32);
                    unit_interval(a[i] + forward - select(b[i] < 0.0f32, by, 0.0f32))
                }
                Combination::Cube => unit_interval(min(max(b[i], a[i] - by), a[i] + by)),
            };
        }
    }
}

#[cube]
fn unit_interval(x: f32) -> f32 {
    min(max(x, 0.0f32), 1.0f32)
}

#[cube(launch_unchecked)]
fn nearer_kernel(
    found: &[f32],
    new: &[f32],
    new_size: &[f32],
    best: &[f32],
    best_size: &[f32],
    y: &mut [f32],
    y_size: &mut [f32],
    values: usize,
) {
    #[unroll]
    for v in 0..VALUES {
        let i = ABSOLUTE_POS * VALUES + v;
        if i < y.len() {
            let image = i / values;
            let better = found[image] > 0.5f32 && new_size[image] < best_size[image];
            y[i] = select(better, new[i], best[i]);
            if i == image * values {
                y_size[image] = select(better, new_size[image], best_size[image]);
            }
        }
    }
}

/// What every score is made of, for the row of logits from `start` on.
#[derive(CubeType)]
struct Odds {
    /// The largest of the other logits.
    largest: f32,
    /// Σ exp(z − largest) over the other logits.
    sum: f32,
    /// The logit of the class.
    own: f32,
}

#[cube]
fn odds(logits: &[f32], one_hot: &[f32], start: usize, classes: usize, #[comptime] threads: usize) -> Odds {
    let mut own = 0.0f32;
    let mut largest = f32::MIN.runtime();
    let mut k = UNIT_POS as usize;
    while k < classes {
        let logit = logits[start + k];
        let is_own = one_hot[start + k] > 0.5f32;
        own += select(is_own, logit, 0.0f32);
        largest = max(largest, select(is_own, f32::MIN, logit));
        k += threads;
    }
    let own = gather(own, false, threads);
    let largest = gather(largest, true, threads);
    let mut sum = 0.0f32;
    let mut k = UNIT_POS as usize;
    while k < classes {
        // The class's own logit may lie too far above for a finite power.
        let power = min(logits[start + k] - largest, 0.0f32).exp();
        sum += select(one_hot[start + k] > 0.5f32, 0.0f32, power);
        k += threads;
    }
    Odds { largest, sum: gather(sum, false, threads), own }
}

#[cube]
fn logistic(x: f32) -> f32 {
    let power = (-x.abs()).exp();
    select(x < 0.0f32, power, 1.0f32) / (1.0f32 + power)
}

#[cube(launch_unchecked)]
fn score_kernel(
    logits: &[f32],
    one_hot: &[f32],
    y: &mut [f32],
    classes: usize,
    sign: f32,
    #[comptime] threads: usize,
    #[comptime] score: Score,
) {
    let image = CUBE_POS;
    let odds = odds(logits, one_hot, image * classes, classes, threads);
    if UNIT_POS == 0 {
        let log_odds = odds.sum.ln() + odds.largest - odds.own;
        let value = match score {
            Score::Margin => odds.largest - odds.own,
            Score::LogOdds => log_odds,
            Score::CrossEntropy => max(log_odds, 0.0f32) + (1.0f32 + (-log_odds.abs()).exp()).ln(),
            Score::Probability => logistic(-log_odds),
        };
        y[image] = sign * value;
    }
}

#[cube(launch_unchecked)]
fn score_gradient_kernel(
    gradient: &[f32],
    logits: &[f32],
    one_hot: &[f32],
    y: &mut [f32],
    classes: usize,
    sign: f32,
    #[comptime] threads: usize,
    #[comptime] score: Score,
) {
    let image = CUBE_POS;
    let start = image * classes;
    let odds = odds(logits, one_hot, start, classes, threads);
    // The first of the largest, counted from the end.
    let mut rival = 0.0f32;
    if score == Score::Margin {
        let mut k = UNIT_POS as usize;
        while k < classes {
            let leads = logits[start + k] == odds.largest && one_hot[start + k] < 0.5f32;
            rival = max(rival, select(leads, f32::cast_from(classes - k), 0.0f32));
            k += threads;
        }
        rival = gather(rival, true, threads);
    }
    let log_odds = odds.sum.ln() + odds.largest - odds.own;
    let slope = match score {
        Score::Margin | Score::LogOdds => 1.0f32,
        Score::CrossEntropy => logistic(log_odds),
        Score::Probability => -logistic(log_odds) * logistic(-log_odds),
    };
    let factor = sign * slope * gradient[image];
    let mut k = UNIT_POS as usize;
    while k < classes {
        let own = one_hot[start + k];
        let share = if score == Score::Margin {
            select(f32::cast_from(classes - k) == rival, 1.0f32, 0.0f32)
        } else {
            (1.0f32 - own) * min(logits[start + k] - odds.largest, 0.0f32).exp() / odds.sum
        };
        y[start + k] = factor * (share - own);
        k += threads;
    }
}

/// A cube for every image's scores, of one thread if there are few, how many threads that is, and how many scores.
fn cube_of_scores(shape: &Shape) -> (CubeCount, CubeDim, usize, usize) {
    let threads = if shape[1] > FEW { THREADS } else { 1 };
    (CubeCount::new_1d(shape[0] as u32), CubeDim::new_1d(threads as u32), threads, shape[1])
}

/// A thread for every few values, and how many values each image has.
fn elements(x: &FloatTensor<CubeBackend>) -> (CubeCount, CubeDim, usize) {
    let (values, images) = (x.shape().num_elements(), x.shape()[0]);
    let (count, dim) = threads(x, values.div_ceil(VALUES));
    (count, dim, values / images)
}

/// How many images there are, how many values each has, and in how many parts they are summed.
fn parts(x: &FloatTensor<CubeBackend>) -> (usize, usize, usize) {
    let images = x.shape()[0];
    let values = x.shape().num_elements() / images;
    (images, values, values.div_ceil(FEW).min(PARTS))
}

// SAFETY, of every launch below: the kernels stay within their tensors by the shapes, or check.

/// The size of every image of `x`, or of `x − other`, `[N]`.
fn measure(
    x: FloatTensor<CubeBackend>,
    other: FloatTensor<CubeBackend>,
    subtract: bool,
    size: Size,
) -> FloatTensor<CubeBackend> {
    let (images, values, parts) = parts(&x);
    let (sizes, y) = (empty(&x, Shape::new([images, parts])), empty(&x, Shape::new([images])));
    let client = x.client.clone();
    let (count, dim) = threads(&x, images * parts);
    let (x, other, found) = (x.into_buffer_arg(), other.into_buffer_arg(), sizes.clone().into_buffer_arg());
    unsafe { parts_kernel::launch_unchecked(&client, count, dim, x, other, found, values, parts, subtract, size) };
    let (count, dim) = threads(&y, images);
    let (sizes, result) = (sizes.into_buffer_arg(), y.clone().into_buffer_arg());
    unsafe { size_kernel::launch_unchecked(&client, count, dim, sizes, result, parts, size) };
    y
}

/// What [`lengths_kernel`] finds of every image, `[N, 2]`.
fn lengths(x: &FloatTensor<CubeBackend>) -> FloatTensor<CubeBackend> {
    let (images, values, parts) = parts(x);
    let (found, y) = (empty(x, Shape::new([images, parts, 2])), empty(x, Shape::new([images, 2])));
    let (count, dim) = threads(x, images * parts);
    let (from, to) = (x.clone().into_buffer_arg(), found.clone().into_buffer_arg());
    unsafe { part_lengths_kernel::launch_unchecked(&x.client, count, dim, from, to, values, parts) };
    let (count, dim) = threads(x, images);
    let (found, result) = (found.into_buffer_arg(), y.clone().into_buffer_arg());
    unsafe { lengths_kernel::launch_unchecked(&x.client, count, dim, found, result, parts) };
    y
}

/// Every image of `x` at length 1; or `from` plus that times a length.
fn stepped(
    from: Option<(FloatTensor<CubeBackend>, FloatTensor<CubeBackend>)>,
    x: FloatTensor<CubeBackend>,
) -> FloatTensor<CubeBackend> {
    let x = into_contiguous(x);
    let (lengths, y) = (lengths(&x), empty(&x, x.shape()));
    let (count, dim, values) = elements(&x);
    let (client, moves) = (x.client.clone(), from.is_some());
    let (from, length) = match from {
        Some((from, length)) => (into_contiguous(from), into_contiguous(length)),
        None => (x.clone(), lengths.clone()), // which the kernel does not read
    };
    let (from, length) = (from.into_buffer_arg(), length.into_buffer_arg());
    let (x, lengths, result) = (x.into_buffer_arg(), lengths.into_buffer_arg(), y.clone().into_buffer_arg());
    unsafe { step_kernel::launch_unchecked(&client, count, dim, from, x, lengths, length, result, values, moves) };
    y
}

impl PerImageOps for CubeBackend {
    fn size(x: FloatTensor<Self>, size: Size) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        measure(x.clone(), x, false, size)
    }

    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>, size: Size) -> FloatTensor<Self> {
        measure(into_contiguous(a), into_contiguous(b), true, size)
    }

    fn unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
        stepped(None, x)
    }

    fn step(from: FloatTensor<Self>, direction: FloatTensor<Self>, length: FloatTensor<Self>) -> FloatTensor<Self> {
        stepped(Some((from, length)), direction)
    }

    fn combine(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        by: FloatTensor<Self>,
        combination: Combination,
    ) -> FloatTensor<Self> {
        let (a, b, by) = (into_contiguous(a), into_contiguous(b), into_contiguous(by));
        let (count, dim, values) = elements(&a);
        let y = empty(&a, a.shape());
        let client = a.client.clone();
        let (a, b, by) = (a.into_buffer_arg(), b.into_buffer_arg(), by.into_buffer_arg());
        let result = y.clone().into_buffer_arg();
        unsafe { combine_kernel::launch_unchecked(&client, count, dim, a, b, by, result, values, combination) };
        y
    }

    fn nearer(
        found: FloatTensor<Self>,
        new: FloatTensor<Self>,
        new_size: FloatTensor<Self>,
        best: FloatTensor<Self>,
        best_size: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (new, best) = (into_contiguous(new), into_contiguous(best));
        let (count, dim, values) = elements(&new);
        let (y, y_size) = (empty(&new, new.shape()), empty(&new, new_size.shape()));
        let client = new.client.clone();
        let [found, new_size, best_size] =
            [found, new_size, best_size].map(|sizes| into_contiguous(sizes).into_buffer_arg());
        let (new, best) = (new.into_buffer_arg(), best.into_buffer_arg());
        let (images, sizes) = (y.clone().into_buffer_arg(), y_size.clone().into_buffer_arg());
        unsafe {
            nearer_kernel::launch_unchecked(
                &client, count, dim, found, new, new_size, best, best_size, images, sizes, values,
            );
        }
        (y, y_size)
    }
}

impl ScoreOps for CubeBackend {
    fn score(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>, score: Score, sign: f32) -> FloatTensor<Self> {
        let (logits, one_hot) = (into_contiguous(logits), into_contiguous(one_hot));
        let (count, dim, threads, classes) = cube_of_scores(&logits.shape());
        let y = empty(&logits, Shape::new([logits.shape()[0]]));
        let client = logits.client.clone();
        let (logits, one_hot) = (logits.into_buffer_arg(), one_hot.into_buffer_arg());
        let result = y.clone().into_buffer_arg();
        unsafe {
            score_kernel::launch_unchecked(&client, count, dim, logits, one_hot, result, classes, sign, threads, score);
        }
        y
    }
}

impl ScoreGradient for CubeBackend {
    fn score_gradient(
        gradient: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        score: Score,
        sign: f32,
    ) -> FloatTensor<Self> {
        let (gradient, logits, one_hot) =
            (into_contiguous(gradient), into_contiguous(logits), into_contiguous(one_hot));
        let (count, dim, threads, classes) = cube_of_scores(&logits.shape());
        let y = empty(&logits, logits.shape());
        let client = logits.client.clone();
        let (gradient, logits) = (gradient.into_buffer_arg(), logits.into_buffer_arg());
        let (one_hot, result) = (one_hot.into_buffer_arg(), y.clone().into_buffer_arg());
        unsafe {
            score_gradient_kernel::launch_unchecked(
                &client, count, dim, gradient, logits, one_hot, result, classes, sign, threads, score,
            );
        }
        y
    }
}
