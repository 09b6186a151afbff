//! Decoy's kernels for graphics cards, and what all of them share.

mod convolution;
mod dense;
mod layer;
mod per_image;
mod pointwise;

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{calculate_cube_count_elemwise, prelude::*};

/// Threads of a cube.
const THREADS: usize = 64;

/// Neighbouring pixels that a thread of a convolution computes at once, for each of its channels.
const PIXELS: usize = 8;

/// A tensor to write to, beside `like`.
fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, DType::F32)
}

/// So many threads, in cubes.
fn threads(like: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(THREADS as u32);
    (calculate_cube_count_elemwise(&like.client, count, dim), dim)
}

/// What one thread of a convolution computes: neighbouring pixels, for the channels of a tile.
#[derive(CubeType)]
struct Place {
    image: usize,
    tile: usize,
    row: usize,
    column: usize,
}

/// The place of this thread: columns count first, then rows, tiles, images.
#[cube]
fn place(columns: usize, rows: usize, tiles: usize) -> Place {
    let line = ABSOLUTE_POS / columns;
    let tile = line / rows;
    Place { image: tile / tiles, tile: tile % tiles, row: line % rows, column: ABSOLUTE_POS % columns }
}
