//! Work shared between a processor's threads: natively all of them, in a browser the one there is. What is computed does
//! not depend on how many there are.

#[cfg(not(target_family = "wasm"))]
use rayon::prelude::*;

/// Multiply-adds that are worth another thread: a few microseconds, several times what it costs to hand them over.
const WORTH: usize = 1 << 17;

/// Calls `work` with every part of `size` values of `y`, given which it is; the last may be shorter. `cost` are the
/// multiply-adds of one.
pub fn parts(y: &mut [f32], size: usize, cost: usize, work: impl Fn(usize, &mut [f32]) + Sync + Send) {
    parts_with(y, size, cost, || (), |(), index, y| work(index, y));
}

/// The same, with room that `room` makes for every thread.
pub fn parts_with<R>(
    y: &mut [f32],
    size: usize,
    cost: usize,
    room: impl Fn() -> R + Sync + Send,
    work: impl Fn(&mut R, usize, &mut [f32]) + Sync + Send,
) {
    #[cfg(not(target_family = "wasm"))]
    if shared(y.len().div_ceil(size), cost) {
        let parts = y.par_chunks_mut(size).enumerate().with_min_len(WORTH.div_ceil(cost.max(1)));
        return parts.for_each_init(room, |room, (index, y)| work(room, index, y));
    }
    let _ = cost;
    let mut room = room();
    y.chunks_mut(size).enumerate().for_each(|(index, y)| work(&mut room, index, y));
}

/// Whether as many parts are worth more than one thread.
#[cfg(not(target_family = "wasm"))]
fn shared(parts: usize, cost: usize) -> bool {
    parts > 1 && parts * cost >= 2 * WORTH && count() > 1
}

/// What `make` makes of every number below `count`; `cost` as above.
pub fn map<T: Send>(count: usize, cost: usize, make: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(not(target_family = "wasm"))]
    if shared(count, cost) {
        return (0..count).into_par_iter().with_min_len(WORTH.div_ceil(cost.max(1))).map(make).collect();
    }
    let _ = cost;
    (0..count).map(make).collect()
}

/// Calls `work` with all `rows` of every image of `y` `[N, rows, length]`, a few of their columns at a time, in whole `unit`s:
/// which image, which the first column is, and the rows. `cost` are the multiply-adds of a column.
pub fn columns(
    y: &mut [f32],
    rows: usize,
    length: usize,
    unit: usize,
    cost: usize,
    work: impl Fn(usize, usize, Vec<&mut [f32]>) + Sync + Send,
) {
    // Where there are many images, all columns of each.
    let pieces = if count() > 1 && y.len() / rows / length < 2 * count() { 2 * count() } else { 1 };
    let width = length.div_ceil(unit).div_ceil(pieces).max(WORTH.div_ceil(cost * unit)) * unit;
    let mut all: Vec<(usize, usize, Vec<&mut [f32]>)> = Vec::new();
    for (image, y) in y.chunks_exact_mut(rows * length).enumerate() {
        let begun = all.len();
        all.extend((0..length).step_by(width).map(|first| (image, first, Vec::with_capacity(rows))));
        for row in y.chunks_exact_mut(length) {
            all[begun..].iter_mut().zip(row.chunks_mut(width)).for_each(|(piece, row)| piece.2.push(row));
        }
    }
    let cost = cost * width.min(length);
    #[cfg(not(target_family = "wasm"))]
    if shared(all.len(), cost) {
        let all = all.into_par_iter().with_min_len(WORTH.div_ceil(cost));
        return all.for_each(|(image, first, rows)| work(image, first, rows));
    }
    let _ = cost;
    all.into_iter().for_each(|(image, first, rows)| work(image, first, rows));
}

/// How many threads there are.
pub fn count() -> usize {
    #[cfg(target_family = "wasm")]
    return 1;
    #[cfg(not(target_family = "wasm"))]
    rayon::current_num_threads()
}

/// Does `work` on one of the threads that the rest is shared between: from any other, each time it is shared, one of them has
/// to be woken and waited for.
#[cfg(not(target_family = "wasm"))]
pub fn among_threads<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// What `prepare` and `work` give, where another thread prepares meanwhile if there is one.
#[cfg(not(target_family = "wasm"))]
pub fn beside<A: Send, B>(prepare: impl FnOnce() -> A + Send, work: impl FnOnce() -> B) -> (A, B) {
    let mut prepared = None;
    let done = rayon::in_place_scope(|scope| {
        scope.spawn(|_| prepared = Some(prepare()));
        work()
    });
    (prepared.expect("the scope has waited for it"), done)
}
