//! Operations on each image of a batch separately. In most kernels one thread computes a few values. A sum over an
//! image takes two kernels: in the first, each thread sums one part of an image; the second adds the parts.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use cubecl::prelude::*;

use super::{THREADS, empty, threads};
use crate::per_image::{Combination, PerImageOps, Score, ScoreBackward, ScoreOps, Size};

/// Up to this many values one thread is fastest.
const FEW: usize = 64;

/// The largest number of parts into which an image is divided for a sum.
const PARTS: usize = 256;

/// Values that a thread reads together, so that one read does not wait for another.
const VALUES: usize = 8;

/// The smallest normal float, used in place of 0 as a divisor.
const TINY: f32 = f32::MIN_POSITIVE;

/// Joins the values of all threads of a workgroup. Every thread adds all of them, which costs less than more barriers.
#[cube]
fn reduce(value: f32, #[comptime] largest: bool, #[comptime] threads: usize) -> f32 {
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

/// The part of an image that this thread sums: one of `parts`, with the values of `x` or of `x − other`.
#[derive(CubeType)]
struct Part {
    /// Index of the image's first value.
    start: usize,
    /// Number of values of the image.
    values: usize,
    /// The first value of the part. Its next values follow in steps of `parts`.
    first: usize,
    parts: usize,
}

#[cube]
fn part(values: usize, parts: usize) -> Part {
    Part { start: ABSOLUTE_POS / parts * values, values, first: ABSOLUTE_POS % parts, parts }
}

/// The `size` of a part, each value divided by `scale`; for a length, without the square root.
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

/// The size of every image, from the sizes of its parts.
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

/// For every part: the largest magnitude, and the sum of the squares after division by it.
#[cube(launch_unchecked)]
fn part_lengths_kernel(x: &[f32], y: &mut [f32], values: usize, parts: usize) {
    if ABSOLUTE_POS < y.len() / 2 {
        let part = part(values, parts);
        let largest = max(part_size(x, x, false, &part, 1.0f32, Size::Largest), TINY);
        y[2 * ABSOLUTE_POS] = largest;
        y[2 * ABSOLUTE_POS + 1] = part_size(x, x, false, &part, largest, Size::Length);
    }
}

/// For every image: the largest magnitude, and the L2 length after division by it.
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

/// Every image of `x` scaled to L2 length 1. If `moves`, that image times `by`, plus `from`.
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
                Combination::LinfBall => unit_interval(min(max(b[i], a[i] - by), a[i] + by)),
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

/// The parts of a score, for the row of logits that begins at `start`.
#[derive(CubeType)]
struct Odds {
    /// The largest of the other logits.
    largest: f32,
    /// Σ exp(z − largest) over the other logits.
    sum: f32,
    /// The logit of the class itself.
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
    let own = reduce(own, false, threads);
    let largest = reduce(largest, true, threads);
    let mut sum = 0.0f32;
    let mut k = UNIT_POS as usize;
    while k < classes {
        // The class's own logit may lie so far above that exp overflows.
        let power = min(logits[start + k] - largest, 0.0f32).exp();
        sum += select(one_hot[start + k] > 0.5f32, 0.0f32, power);
        k += threads;
    }
    Odds { largest, sum: reduce(sum, false, threads), own }
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
    // The first class with the largest logit, counted from the end; 0 for none.
    let mut rival = 0.0f32;
    if score == Score::Margin {
        let mut k = UNIT_POS as usize;
        while k < classes {
            let leads = logits[start + k] == odds.largest && one_hot[start + k] < 0.5f32;
            rival = max(rival, select(leads, f32::cast_from(classes - k), 0.0f32));
            k += threads;
        }
        rival = reduce(rival, true, threads);
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

/// For the scores of every image: the number of workgroups (one per image), their size, the threads in each (1 if there
/// are few classes), and the number of classes.
fn cube_of_scores(shape: &Shape) -> (CubeCount, CubeDim, usize, usize) {
    let threads = if shape[1] > FEW { THREADS } else { 1 };
    (CubeCount::new_1d(shape[0] as u32), CubeDim::new_1d(threads as u32), threads, shape[1])
}

/// The number of workgroups and their size, for threads that compute `VALUES` values each, and the number of values of
/// an image.
fn elements(x: &FloatTensor<CubeBackend>) -> (CubeCount, CubeDim, usize) {
    let (values, images) = (x.shape().num_elements(), x.shape()[0]);
    let (count, dim) = threads(x, values.div_ceil(VALUES));
    (count, dim, values / images)
}

/// The number of images, the number of values of each, and the number of parts in which they are summed.
fn parts(x: &FloatTensor<CubeBackend>) -> (usize, usize, usize) {
    let images = x.shape()[0];
    let values = x.shape().num_elements() / images;
    (images, values, values.div_ceil(FEW).min(PARTS))
}

// SAFETY of all launches below: every index is within its tensor, because of the shapes or a check in the kernel.

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

/// The result of [`lengths_kernel`] for every image, `[N, 2]`.
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

/// Every image of `x` scaled to L2 length 1. With `from`, that image times a length, plus `from`.
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
        None => (x.clone(), lengths.clone()), // the kernel does not read these
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

impl ScoreBackward for CubeBackend {
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
