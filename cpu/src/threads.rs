//! Work shared between threads, where there are several. Results do not depend on their number.

use std::cell::Cell;
use std::ops::Range;
#[cfg(threads)]
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(threads)]
use rayon::prelude::*;

/// Multiply-adds that are worth another thread. They take a few microseconds, several times the cost of the hand-over.
const MIN_WORK: usize = 1 << 17;

/// How often a thread without work looks for some before it sleeps. It takes about a tenth of a millisecond.
#[cfg(threads)]
const ROUNDS: usize = 2000;

/// Tiles of columns that a piece of an image has at least, where it has all rows. Each weight is read once for all
/// columns of a piece.
const MIN_TILES: usize = 4;

/// The cost of a value in loops that are limited by memory, in multiply-adds.
pub const COST_OF_VALUE: usize = 8;

/// Splits `y` into parts of `size` values (the last may be shorter), and calls `work` with the index of each part and
/// the part. `cost` is the number of multiply-adds of one part.
pub fn parts<T: Send>(y: &mut [T], size: usize, cost: usize, work: impl Fn(usize, &mut [T]) + Sync + Send) {
    parts_with(y, size, cost, || (), |(), index, y| work(index, y));
}

/// The same as [`parts`], with a buffer for every thread, made by `room`.
pub fn parts_with<T: Send, R>(
    y: &mut [T],
    size: usize,
    cost: usize,
    room: impl Fn() -> R + Sync + Send,
    work: impl Fn(&mut R, usize, &mut [T]) + Sync + Send,
) {
    if (1..=size).contains(&y.len()) {
        // One part, as of each channel of a depthwise convolution: there is nothing to share.
        return work(&mut room(), 0, y);
    }
    #[cfg(threads)]
    if begin_sharing(y.len().div_ceil(size), cost) {
        let parts = y.par_chunks_mut(size).enumerate().with_min_len(MIN_WORK.div_ceil(cost.max(1)));
        return parts.for_each_init(room, |room, (index, y)| work(room, index, y));
    }
    let _ = cost;
    let mut room = room();
    y.chunks_mut(size).enumerate().for_each(|(index, y)| work(&mut room, index, y));
}

/// Whether this many parts are worth more than one thread. If so, another thread is kept awake for them and for what
/// follows.
#[cfg(threads)]
fn begin_sharing(parts: usize, cost: usize) -> bool {
    let is_worth = parts > 1 && parts * cost >= 2 * MIN_WORK && count() > 1;
    if is_worth {
        keep_awake();
    }
    is_worth
}

/// Has one more thread look for work until it finds none for a while. By itself a thread sleeps a few microseconds after
/// its work, and the next layer would begin before it is awake again.
#[cfg(threads)]
fn keep_awake() {
    /// The threads that are awake, the caller among them.
    static AWAKE: AtomicUsize = AtomicUsize::new(1);
    let more = |awake: usize| (awake < count()).then_some(awake + 1);
    if AWAKE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
        return;
    }
    let caller = rayon::current_thread_index();
    rayon::spawn(move || {
        // The caller is awake anyway, and has to go on.
        let mut rounds = if rayon::current_thread_index() == caller { 0 } else { ROUNDS };
        while rounds > 0 {
            std::hint::spin_loop();
            rounds = if rayon::yield_now() == Some(rayon::Yield::Executed) { ROUNDS } else { rounds - 1 };
        }
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    });
}

/// Calls `make` with every number below `count`, and collects the results. `cost` is the number of multiply-adds of one
/// call.
pub fn map<T: Send>(count: usize, cost: usize, make: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(threads)]
    if begin_sharing(count, cost) {
        return (0..count).into_par_iter().with_min_len(MIN_WORK.div_ceil(cost.max(1))).map(make).collect();
    }
    let _ = cost;
    (0..count).map(make).collect()
}

/// A part of an image: some columns of some of its rows.
pub struct Piece<'a, T> {
    pub image: usize,
    /// The first row.
    pub row: usize,
    /// The first column.
    pub column: usize,
    /// The values of each row.
    pub values: Vec<&'a mut [T]>,
}

/// Splits every image of `y` `[N, rows, columns]` into pieces of whole tiles, `[rows, columns]` large, and calls `work`
/// with each. A piece has all rows, or all columns where these are few. `cost` is the number of multiply-adds of one
/// column.
pub fn pieces<T: Send>(
    y: &mut [T],
    [rows, columns]: [usize; 2],
    tile: [usize; 2],
    cost: usize,
    work: impl Fn(Piece<T>) + Sync + Send,
) {
    if y.is_empty() {
        return;
    }
    // With many images, each is one piece.
    let wanted = if count() > 1 && y.len() / rows / columns < 2 * count() { 2 * count() } else { 1 };
    // Ranges of about as many tiles each. `cost` is that of one index.
    let ranges = |all: usize, tile: usize, cost: usize| -> Vec<Range<usize>> {
        let tiles = all.div_ceil(tile);
        let count = (tiles / MIN_WORK.div_ceil(cost * tile)).clamp(1, wanted);
        let start = |index: usize| (tiles * index / count * tile).min(all);
        (0..count).map(|index| start(index)..start(index + 1)).collect()
    };
    let few = columns < wanted * MIN_TILES * tile[1] && rows >= wanted * tile[0];
    let (down, across) = if few {
        (ranges(rows, tile[0], (cost * columns).div_ceil(rows)), ranges(columns, columns, cost))
    } else {
        (ranges(rows, rows, cost), ranges(columns, tile[1], cost))
    };
    let mut all: Vec<Piece<T>> = Vec::new();
    for (image, mut y) in y.chunks_exact_mut(rows * columns).enumerate() {
        for rows in &down {
            let begun = all.len();
            let piece = |columns: &Range<usize>| Piece {
                image,
                row: rows.start,
                column: columns.start,
                values: Vec::with_capacity(rows.len()),
            };
            all.extend(across.iter().map(piece));
            for _ in rows.clone() {
                for (piece, columns) in all[begun..].iter_mut().zip(&across) {
                    piece.values.push(y.split_off_mut(..columns.len()).expect("a piece ends in the image"));
                }
            }
        }
    }
    let cost = (cost * columns).div_ceil(down.len() * across.len());
    #[cfg(threads)]
    if begin_sharing(all.len(), cost) {
        return all.into_par_iter().with_min_len(MIN_WORK.div_ceil(cost)).for_each(work);
    }
    let _ = cost;
    all.into_iter().for_each(work);
}

thread_local! {
    /// The buffer of the last call. Threads of a browser wait for each other when they ask for memory.
    static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with a buffer of `length` values, which may be any. The thread keeps it for the next call.
pub fn with_buffer(length: usize, work: impl FnOnce(&mut [f32])) {
    let mut buffer = BUFFER.take();
    buffer.resize(length.max(buffer.len()), 0.0);
    work(&mut buffer[..length]);
    BUFFER.set(buffer);
}

/// The number of threads.
pub fn count() -> usize {
    #[cfg(not(threads))]
    return 1;
    #[cfg(threads)]
    rayon::current_num_threads()
}

/// Runs `work` on a thread of the pool. From a thread outside the pool, every shared loop has to wake a thread of the
/// pool and wait for it.
#[cfg(not(target_family = "wasm"))]
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Runs `prepare` and `work`, and returns both results. `prepare` runs on another thread at the same time, if there is
/// one.
#[cfg(not(target_family = "wasm"))]
pub fn join<A: Send, B>(prepare: impl FnOnce() -> A + Send, work: impl FnOnce() -> B) -> (A, B) {
    let mut prepared = None;
    let done = rayon::in_place_scope(|scope| {
        scope.spawn(|_| prepared = Some(prepare()));
        work()
    });
    (prepared.expect("the scope has waited for it"), done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::tests::square;
    use crate::{Activation, Pointwise, Weights};

    fn with_threads<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("so few threads start").install(work)
    }

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|index| (index % 101) as f32 / 7.0 - 5.0).collect()
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_result() {
        for ([from, to], [side, size, stride]) in [([1, 8], [128, 5, 2]), ([3, 16], [65, 3, 1]), ([2, 5], [131, 3, 3])]
        {
            let convolution = square(1, [from, to], [side, size, stride], 1);
            let (x, weights, bias) = (values(from * side * side), values(to * from * size * size), values(to));
            let [one, three] =
                [1, 3].map(|threads| with_threads(threads, || convolution.forward(&x, &Weights::new(&weights), &bias)));
            assert_eq!(one, three, "{from}→{to}, {size}×{size} by {stride}");
        }
        for (images, pixels) in [(1, 49), (2, 49), (1, 1000), (9, 50)] {
            let pointwise = Pointwise { activation: Activation::Relu, channels: 130, outputs: 75, pixels };
            let (x, weights, bias) = (values(images * 130 * pixels), values(75 * 130), values(75));
            let [one, three] = [1, 3].map(|threads| {
                with_threads(threads, || {
                    let y = pointwise.forward(&x, &Weights::new(&weights), &bias);
                    let gradient = pointwise.backward(&y, &x, &Weights::new(&weights));
                    (y, gradient)
                })
            });
            assert_eq!(one, three, "{images} images of {pixels} pixels");
        }
    }

    #[test]
    fn every_value_is_in_one_piece() {
        for (images, shape, tile, threads) in [
            (1, [75, 49], [4, 8], 3),
            (1, [75, 49], [4, 8], 1),
            (1, [16, 3], [4, 8], 2),
            (2, [3, 1000], [4, 8], 5),
            (7, [10, 9], [4, 8], 2),
            (1, [5, 77], [5, 1], 2),
            (1, [1, 20], [1, 32], 2),
        ] {
            let [rows, columns] = shape;
            let mut found = vec![None; images * rows * columns];
            with_threads(threads, || {
                pieces(&mut found, shape, tile, 2 * MIN_WORK, |Piece { image, row, column, values }| {
                    assert!(row.is_multiple_of(tile[0]) && column.is_multiple_of(tile[1]), "{row}, {column}");
                    for (row, values) in (row..).zip(values) {
                        for (column, value) in (column..).zip(values) {
                            *value = Some([image, row, column]);
                        }
                    }
                });
            });
            let places = (0..images * rows * columns)
                .map(|index| [index / columns / rows, index / columns % rows, index % columns]);
            assert!(found.into_iter().eq(places.map(Some)), "{images} of {shape:?} by {threads} threads");
        }
    }
}
