//! Resizes pictures. Each axis is a matrix product, so the gradient is one too.

use crate::onnx::array::{Array, Checked, within_growth};
use crate::onnx::node::Attributes;

/// How a new value is made of old ones.
enum Mode {
    Nearest,
    Linear,
    /// Of four neighbours, with this coefficient.
    Cubic(f32),
}

/// The attributes of a resize.
pub(super) struct Resize {
    mode: Mode,
    /// Whether neighbours outside of the picture do not count; else they are those at its edge.
    exclude_outside: bool,
    coordinates: String,
    nearest: String,
    /// The factors, if they are an attribute of the node.
    scales: Option<Vec<f64>>,
    upsample: bool,
}

impl Resize {
    pub fn of(kind: &str, a: &Attributes) -> Checked<Self> {
        let mode = match &*a.text("mode", "nearest") {
            "nearest" => Mode::Nearest,
            "linear" | "bilinear" => Mode::Linear,
            "cubic" => Mode::Cubic(a.float("cubic_coeff_a", -0.75) as f32),
            other => return Err(format!("the mode nearest, linear or cubic is expected, {other} found")),
        };
        if a.int("antialias", 0) == 1
            || a.ints("axes").is_some()
            || a.text("keep_aspect_ratio_policy", "stretch") != "stretch"
        {
            return Err("resizing of all axes without antialias is expected".to_owned());
        }
        let (coordinates, nearest) = (a.text("coordinate_transformation_mode", ""), a.text("nearest_mode", ""));
        let exclude_outside = a.int("exclude_outside", 0) == 1;
        Ok(Self {
            mode,
            exclude_outside,
            coordinates,
            nearest,
            scales: a.floats("scales"),
            upsample: kind == "Upsample",
        })
    }

    /// Resizes `x`. `inputs` are the node's inputs: the picture, and in old versions the factors, or in new versions
    /// the region of interest, the factors and the sizes.
    pub fn run(&self, x: &Array, inputs: &[Option<&Array>]) -> Checked<Array> {
        let old = self.upsample || inputs.len() == 2;
        let given = |index: usize| inputs.get(index).copied().flatten().filter(|array| !array.shape().contains(&0));
        let (scales, sizes) = if old { (given(1), None) } else { (given(2), given(3)) };
        let shape = x.shape();
        if shape.contains(&0) {
            return Err("a picture is expected, nothing found".to_owned());
        }
        let sizes = sizes.map(Array::list).transpose()?;
        let scales = match (&self.scales, scales) {
            (Some(scales), _) => Some(scales.clone()),
            (None, Some(scales)) => Some(scales.list()?),
            (None, None) => None,
        };
        let (sizes, scales): (Vec<f64>, Vec<f64>) = match (sizes, scales) {
            (Some(sizes), _) => {
                let scales = sizes.iter().zip(shape).map(|(size, &length)| size / length as f64).collect();
                (sizes, scales)
            }
            (None, Some(scales)) => {
                // In single precision, as everybody else: 10 · 1.4 is 14 there, and less than that in double precision.
                let size = |(scale, length): (&f64, &usize)| f64::from((*scale as f32 * *length as f32).floor());
                (scales.iter().zip(shape).map(size).collect(), scales)
            }
            (None, None) => return Err("sizes or factors are expected".to_owned()),
        };
        if sizes.len() != x.rank() || sizes.iter().any(|&size| !(1.0..1e6).contains(&size)) {
            return Err(format!("a size for each axis of {shape:?} is expected, {sizes:?} found"));
        }
        let mut y = x.clone();
        for axis in 0..x.rank() {
            let (from, to) = (shape[axis], sizes[axis] as usize);
            if from == to && scales[axis] == 1.0 {
                continue;
            }
            x.spend(from.saturating_mul(to))?;
            let matrix = self.matrix(from, to, scales[axis], old)?;
            let mut order: Vec<usize> = (0..x.rank()).collect();
            order.swap(axis, x.rank() - 1);
            y = y.permute(&order)?.matmul(&matrix)?.permute(&order)?;
        }
        Ok(y)
    }

    /// The matrix `[from, to]` of weights from every old index to every new one. Indices are computed in single
    /// precision, as PyTorch and ONNX Runtime do: it decides which of two neighbours is nearer.
    fn matrix(&self, from: usize, to: usize, scale: f64, old: bool) -> Checked<Array> {
        let mut values = vec![0.0; within_growth(&[from, to])?];
        let (last, scale) = (from as f32 - 1.0, scale as f32);
        for place in 0..to {
            let index = place as f32;
            let at = match &*self.coordinates {
                "align_corners" if to == 1 => 0.0,
                "align_corners" => index * last / (scale * from as f32 - 1.0),
                "asymmetric" => index / scale,
                "pytorch_half_pixel" if to == 1 => 0.0,
                "" if old => index / scale,
                "" | "half_pixel" | "pytorch_half_pixel" => (index + 0.5) / scale - 0.5,
                "half_pixel_symmetric" => {
                    let adjustment = to as f32 / (scale * from as f32);
                    let center = from as f32 / 2.0;
                    center * (1.0 - adjustment) + (index + 0.5) / scale - 0.5
                }
                other => {
                    return Err(format!(
                        "coordinates half_pixel, asymmetric or align_corners are expected, {other} found"
                    ));
                }
            };
            let neighbours = match self.mode {
                Mode::Nearest => {
                    let nearest = match &*self.nearest {
                        "floor" => at.floor(),
                        "" if old => at.floor(),
                        "ceil" => at.ceil(),
                        "round_prefer_ceil" => (at + 0.5).floor(),
                        _ => (at - 0.5).ceil(),
                    };
                    vec![(nearest, 1.0)]
                }
                Mode::Linear => {
                    let (first, share) = (at.floor(), at - at.floor());
                    vec![(first, 1.0 - share), (first + 1.0, share)]
                }
                Mode::Cubic(a) => {
                    let neighbour = |index: i8| {
                        let neighbour = at.floor() + f32::from(index);
                        (neighbour, cubic((neighbour - at).abs(), a))
                    };
                    (-1..=2).map(neighbour).collect()
                }
            };
            let counts = |neighbour: f32| !self.exclude_outside || (0.0..=last).contains(&neighbour);
            let counted: Vec<(f32, f32)> = neighbours.into_iter().filter(|&(neighbour, _)| counts(neighbour)).collect();
            let whole = if self.exclude_outside { counted.iter().map(|(_, weight)| weight).sum() } else { 1.0 };
            for (neighbour, weight) in counted {
                values[neighbour.clamp(0.0, last) as usize * to + place] += weight / whole;
            }
        }
        Array::constant(values, &[from, to])
    }
}

/// The weight of a neighbour at this distance in a cubic interpolation (Keys 1981) with the coefficient `a`.
fn cubic(distance: f32, a: f32) -> f32 {
    let x = distance;
    if x <= 1.0 { ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0 } else { ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a }
}
