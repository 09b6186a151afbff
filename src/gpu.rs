//! Decoy's GPU kernels, and what all of them share.

mod convolution;
mod dense;
mod fused;
mod geometry;
mod per_image;
mod pointwise;

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::{calculate_cube_count_elemwise, prelude::*};

/// Threads of a workgroup, which CubeCL calls a cube.
const THREADS: usize = 64;

/// An uninitialised tensor of this shape, on the device of `like`.
fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, DType::F32)
}

/// The number of workgroups for `count` threads, and their size.
fn threads(like: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(THREADS as u32);
    (calculate_cube_count_elemwise(&like.client, count, dim), dim)
}
