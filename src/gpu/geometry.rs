//! What the kernels of layers share: sizes, activations, and the pixels that one thread computes.

use cubecl::prelude::*;

/// Neighbouring pixels that one thread of a convolution computes, for each of its channels.
pub(super) const PIXELS: usize = 8;

/// The part that one thread of a convolution computes: neighbouring pixels, for a tile of channels.
#[derive(CubeType)]
pub(super) struct Place {
    pub image: usize,
    pub tile: usize,
    pub row: usize,
    pub column: usize,
}

/// The place of this thread. Threads are numbered along columns first, then rows, tiles and images.
#[cube]
pub(super) fn place(columns: usize, rows: usize, tiles: usize) -> Place {
    let line = ABSOLUTE_POS / columns;
    let tile = line / rows;
    Place { image: tile / tiles, tile: tile % tiles, row: line % rows, column: ABSOLUTE_POS % columns }
}

/// [`Activation`](crate::fused::Activation) without its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ActivationKind {
    Identity,
    Relu,
    Relu6,
    Affine,
}

/// The sizes of a layer, and the parameters of its activation.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Geometry {
    pub images: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub outputs: usize,
    pub out_height: usize,
    pub out_width: usize,
    pub top: usize,
    pub left: usize,
    pub scale: f32,
    pub shift: f32,
}

#[cube]
pub(super) fn activate(x: f32, geometry: &Geometry, #[comptime] activation: ActivationKind) -> f32 {
    match activation {
        ActivationKind::Identity => x,
        ActivationKind::Relu => max(x, 0.0f32),
        ActivationKind::Relu6 => min(max(x, 0.0f32), 6.0f32),
        ActivationKind::Affine => x * geometry.scale + geometry.shift,
    }
}

/// The gradient in `x`, from the `gradient` after the activation of `x`.
#[cube]
pub(super) fn activation_backward(
    gradient: f32,
    x: f32,
    geometry: &Geometry,
    #[comptime] activation: ActivationKind,
) -> f32 {
    match activation {
        ActivationKind::Identity => gradient,
        ActivationKind::Relu => select(x > 0.0f32, gradient, 0.0f32),
        ActivationKind::Relu6 => select(x > 0.0f32 && x < 6.0f32, gradient, 0.0f32),
        ActivationKind::Affine => gradient * geometry.scale,
    }
}
