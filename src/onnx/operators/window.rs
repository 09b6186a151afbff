//! Operators that look at pictures through a window: convolution, pooling, resizing.

use super::resize::Resize;
use super::{Operation, one};
use crate::onnx::array::{Array, Checked, LARGEST, Window};
use crate::onnx::node::Attributes;
use crate::onnx::steps::{length_of, lengths_of};

/// Operators with a window.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    Ok(Some(match kind {
        "Conv" => {
            let (frame, groups) = (Frame::of(a), length_of(a.int("group", 1))?);
            let kernel = a.ints("kernel_shape").map(|kernel| lengths_of(&kernel)).transpose()?;
            one(move |inputs| {
                let (x, w) = (inputs.get(0)?, inputs.get(1)?);
                let found = w.shape().get(2..).unwrap_or_default();
                if let Some(kernel) = kernel.as_ref().filter(|kernel| **kernel != found) {
                    return Err(format!("weights with a kernel of {kernel:?} are expected, {found:?} found"));
                }
                flat_pictures(x, |x| {
                    let w =
                        if w.rank() == 3 { &w.reshape(&[&w.shape()[..2], &[1], &w.shape()[2..]].concat())? } else { w };
                    let size = w.shape().get(2..).unwrap_or_default();
                    x.convolve(w, inputs.maybe(2), &frame.window(size, x.shape())?, groups)
                })
            })
        }
        "MaxPool" | "AveragePool" => {
            let (frame, size) = (Frame::of(a), a.ints("kernel_shape").unwrap_or_default());
            let (largest, all) = (kind == "MaxPool", a.int("count_include_pad", 0) == 1);
            let size = lengths_of(&size)?;
            one(move |inputs| {
                flat_pictures(inputs.get(0)?, |x| {
                    let size = if size.len() == 1 { vec![1, size[0]] } else { size.clone() };
                    let window = frame.window(&size, x.shape())?;
                    if largest { x.max_pool(&window) } else { x.mean_pool(&window, all) }
                })
            })
        }
        "Resize" | "Upsample" => {
            let resize = Resize::of(kind, a)?;
            one(move |inputs| resize.run(inputs.get(0)?, &inputs.arrays))
        }
        _ => return Ok(None),
    }))
}

/// Applies `work` to rows `[N, C, L]` as pictures `[N, C, 1, L]`.
fn flat_pictures(x: &Array, work: impl Fn(&Array) -> Checked<Array>) -> Checked<Array> {
    match x.shape()[..] {
        [n, c, length] => {
            let y = work(&x.reshape(&[n, c, 1, length])?)?;
            let shape = y.shape();
            y.reshape(&[shape[0], shape[1], shape[3]])
        }
        [_, _, _, _] => work(x),
        _ => Err(format!("pictures [N, C, H, W] are expected, {:?} found", x.shape())),
    }
}

/// The attributes of a window. Its padding may depend on the size of the picture.
pub(in crate::onnx) struct Frame {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
    auto: String,
    ceil: bool,
}

impl Frame {
    pub fn of(a: &Attributes) -> Self {
        Self {
            strides: a.ints("strides").unwrap_or_default(),
            dilations: a.ints("dilations").unwrap_or_default(),
            pads: a.ints("pads").unwrap_or_default(),
            auto: a.text("auto_pad", "NOTSET"),
            ceil: a.int("ceil_mode", 0) == 1,
        }
    }

    /// The window of `size`, for pictures of the shape `x`.
    pub fn window(&self, size: &[usize], x: &[usize]) -> Checked<Window> {
        let &[height, width] = size else {
            return Err(format!("a window with height and width is expected, {size:?} found"));
        };
        let both = |values: &[i64]| -> Checked<[usize; 2]> {
            Ok(match values {
                [] => [1, 1],
                &[one] => [1, length_of(one)?],
                &[first, second] => [length_of(first)?, length_of(second)?],
                _ => return Err(format!("two numbers are expected, {values:?} found")),
            })
        };
        let (size, mut stride, mut dilation) = ([height, width], both(&self.strides)?, both(&self.dilations)?);
        let mut padding = match self.pads[..] {
            [] => [(0, 0); 2],
            [left, right] => [(0, 0), (length_of(left)?, length_of(right)?)],
            [top, left, bottom, right] => {
                [(length_of(top)?, length_of(bottom)?), (length_of(left)?, length_of(right)?)]
            }
            _ => return Err(format!("four pads are expected, {:?} found", self.pads)),
        };
        if !["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""].contains(&&*self.auto) {
            return Err(format!("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER is expected, {} found", self.auto));
        }
        if self.auto == "VALID" {
            padding = [(0, 0); 2];
        } else if self.auto.starts_with("SAME") {
            for axis in 0..2 {
                let length = *x.get(axis + 2).ok_or("a picture is expected")?;
                let reach = size[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1);
                let places = length.div_ceil(stride[axis].max(1)).saturating_sub(1);
                let whole = places.saturating_mul(stride[axis]).saturating_add(reach);
                let total = whole.saturating_sub(length);
                let (less, more) = (total / 2, total.div_ceil(2));
                padding[axis] = if self.auto == "SAME_LOWER" { (more, less) } else { (less, more) };
            }
        }
        for axis in 0..2 {
            // No picture is as long, so a larger step gives the same.
            stride[axis] = stride[axis].min(LARGEST);
            if size[axis] == 1 && dilation[axis] > 0 {
                dilation[axis] = 1;
            }
        }
        Ok(Window { size, stride, dilation, padding, ceil: self.ceil })
    }
}
