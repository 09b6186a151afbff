//! Work shared between threads, where there are several. Results do not depend on their number.

#[cfg(threads)]
use rayon::prelude::*;

/// Multiply-adds that are worth another thread. They take a few microseconds, several times the cost of the hand-over.
const MIN_WORK: usize = 1 << 17;

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
    #[cfg(threads)]
    if is_worth_sharing(y.len().div_ceil(size), cost) {
        let parts = y.par_chunks_mut(size).enumerate().with_min_len(MIN_WORK.div_ceil(cost.max(1)));
        return parts.for_each_init(room, |room, (index, y)| work(room, index, y));
    }
    let _ = cost;
    let mut room = room();
    y.chunks_mut(size).enumerate().for_each(|(index, y)| work(&mut room, index, y));
}

/// Whether this many parts are worth more than one thread.
#[cfg(threads)]
fn is_worth_sharing(parts: usize, cost: usize) -> bool {
    parts > 1 && parts * cost >= 2 * MIN_WORK && count() > 1
}

/// Calls `make` with every number below `count`, and collects the results. `cost` is the number of multiply-adds of one
/// call.
pub fn map<T: Send>(count: usize, cost: usize, make: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(threads)]
    if is_worth_sharing(count, cost) {
        return (0..count).into_par_iter().with_min_len(MIN_WORK.div_ceil(cost.max(1))).map(make).collect();
    }
    let _ = cost;
    (0..count).map(make).collect()
}

/// Splits the columns of every image of `y` `[N, rows, length]` into pieces of whole `unit`s. Calls `work` with the
/// image, the first column of a piece, and the piece of all `rows`. `cost` is the number of multiply-adds of one
/// column.
pub fn columns<T: Send>(
    y: &mut [T],
    rows: usize,
    length: usize,
    unit: usize,
    cost: usize,
    work: impl Fn(usize, usize, Vec<&mut [T]>) + Sync + Send,
) {
    // With many images, one piece holds all columns of an image.
    let pieces = if count() > 1 && y.len() / rows / length < 2 * count() { 2 * count() } else { 1 };
    let width = length.div_ceil(unit).div_ceil(pieces).max(MIN_WORK.div_ceil(cost * unit)) * unit;
    let mut all: Vec<(usize, usize, Vec<&mut [T]>)> = Vec::new();
    for (image, y) in y.chunks_exact_mut(rows * length).enumerate() {
        let begun = all.len();
        all.extend((0..length).step_by(width).map(|first| (image, first, Vec::with_capacity(rows))));
        for row in y.chunks_exact_mut(length) {
            all[begun..].iter_mut().zip(row.chunks_mut(width)).for_each(|(piece, row)| piece.2.push(row));
        }
    }
    let cost = cost * width.min(length);
    #[cfg(threads)]
    if is_worth_sharing(all.len(), cost) {
        let all = all.into_par_iter().with_min_len(MIN_WORK.div_ceil(cost));
        return all.for_each(|(image, first, rows)| work(image, first, rows));
    }
    let _ = cost;
    all.into_iter().for_each(|(image, first, rows)| work(image, first, rows));
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
