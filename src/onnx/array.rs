//! Arrays of any rank: the values of a graph.
//!
//! Burn's tensors have their rank in their type. Burn's dispatch between devices, one level below, does not, and arrays
//! are built on it. An array that does not depend on the pixels is a constant. It is also kept on the CPU, where shapes
//! are computed. An array that depends on the pixels may have no values: a graph is first tried with such arrays, which
//! checks every shape without computing anything.

use std::cell::Cell;
use std::rc::Rc;

use burn::backend::ops::{ActivationOps, FloatTensorOps, ModuleOps, PadMode};
use burn::backend::{Dispatch, DispatchTensor, FloatDType, Slice, TensorMetadata};
use burn::tensor::{DType, Device, Int, Shape, Tensor, TensorData};

/// The result of an operator. An error says what was expected and what was found.
pub(super) type Checked<T> = Result<T, String>;

/// The largest number of values of an array: 512 MiB.
pub(super) const LARGEST: usize = 1 << 27;

/// The largest number of axes: twice what a picture that is cut into patches needs.
const AXES: usize = 16;

/// The longest list of numbers that says what an operator does: lengths, axes, places where to cut.
const LIST: usize = 1024;

/// The largest constant that an operator may make from a small input, such as by Expand: 16 MiB. In tests the limit is
/// larger, since ONNX's own test networks expand weights from a single value.
const GROWTH: usize = if cfg!(test) { 1 << 28 } else { 1 << 22 };

/// What the constants of a graph may cost. The file says what is computed, so a small one must neither fill the memory
/// nor take for ever. Constants know their budget and pass it on.
#[derive(Debug)]
pub(super) struct Budget {
    /// The largest number of values of a constant.
    largest: usize,
    /// How many values of constants may still be read and made. A product counts 1/256.
    left: Cell<usize>,
    /// Cost of a run: values read and written that depend on the pixels, plus a share of the products.
    work: Cell<usize>,
}

impl Budget {
    /// For a file of `size` bytes: constants of 4 · `size` values and [`GROWTH`] more, and twice as many in a run.
    pub fn new(size: usize) -> Rc<Self> {
        let largest = size.saturating_mul(4).saturating_add(GROWTH);
        let budget = Self { largest, left: Cell::new(0), work: Cell::new(0) };
        budget.begin();
        Rc::new(budget)
    }

    /// Begins a run.
    pub fn begin(&self) {
        self.left.set(self.largest.saturating_mul(2));
        self.work.set(0);
    }

    /// What this run has read and made of the pixels so far.
    pub fn work(&self) -> usize {
        self.work.get()
    }

    fn spend(&self, values: usize) -> Checked<()> {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.ok_or("far more constants than the file has weights are computed")?);
        Ok(())
    }
}

/// The type of an array's numbers. On a device all are 32-bit floats; constant integers and booleans have 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    Float,
    Int,
    Bool,
}

/// An array of numbers.
#[derive(Debug, Clone)]
pub(super) struct Array {
    shape: Vec<usize>,
    kind: NumberKind,
    /// Whether it depends on the pixels.
    variable: bool,
    /// The values of a constant on the CPU, if they are kept there.
    host: Option<DispatchTensor>,
    /// The values on the device of the pixels. `None` for a constant that has not been copied there, and in a trial
    /// run.
    device: Option<DispatchTensor>,
    /// The value of a constant with a single value.
    scalar: Option<f64>,
    /// What may still be made of constants. `None` within an operator, for a constant that it makes itself.
    budget: Option<Rc<Budget>>,
}

impl Array {
    /// A constant of floats.
    pub fn constant(values: Vec<f32>, shape: &[usize]) -> Checked<Self> {
        Self::held(TensorData::new(values, [count(shape)?]), shape, NumberKind::Float)
    }

    /// A constant of integers.
    pub fn integers(values: &[i64], shape: &[usize]) -> Checked<Self> {
        Self::whole(values.iter().map(|&value| value as f64).collect(), shape, NumberKind::Int)
    }

    /// A constant of integers or booleans.
    pub fn whole(values: Vec<f64>, shape: &[usize], kind: NumberKind) -> Checked<Self> {
        Self::held(TensorData::new(values, [count(shape)?]), shape, kind)
    }

    fn held(data: TensorData, shape: &[usize], kind: NumberKind) -> Checked<Self> {
        let (expected, found) = (count(shape)?, data.num_elements());
        if expected != found {
            return Err(format!("{expected} values expected for the shape {shape:?}, {found} found"));
        }
        let dtype = if kind == NumberKind::Float { DType::F32 } else { DType::F64 };
        let host = (found > 0).then(|| {
            let flat = Tensor::<1>::from_data(data, (&Device::flex(), dtype)).into_dispatch();
            shaped(flat, shape)
        });
        Ok(Self { shape: shape.to_vec(), kind, variable: false, scalar: None, host, device: None, budget: None }
            .with_scalar())
    }

    /// The input array with the pixels; without values for a trial run.
    pub fn variable(shape: &[usize], values: Option<DispatchTensor>) -> Self {
        let (shape, kind) = (shape.to_vec(), NumberKind::Float);
        Self { shape, kind, variable: true, host: None, device: values, scalar: None, budget: None }
    }

    /// A constant of ones, without memory for each of them.
    pub fn ones(shape: &[usize]) -> Checked<Self> {
        let many = count(shape)?;
        let one = Self::constant(vec![1.0], &vec![1; shape.len()])?;
        let host = one.host.clone().filter(|_| many > 0 && !shape.is_empty());
        let host = host.map(|host| Dispatch::float_expand(host, Shape::from(shape.to_vec()))).or(one.host);
        Ok(Self { shape: shape.to_vec(), host: host.filter(|_| many > 0), scalar: None, ..one }.with_scalar())
    }

    /// The same array. If it is a constant without a budget, its values are taken off `budget`, which it keeps.
    pub fn within(mut self, budget: &Rc<Budget>) -> Checked<Self> {
        if self.budget.is_none() {
            if !self.variable {
                budget.spend(count(&self.shape)?)?;
            }
            self.budget = Some(budget.clone());
        }
        Ok(self)
    }

    /// Takes a number of values, such as those of an intermediate array, off its budget.
    pub fn spend(&self, values: usize) -> Checked<()> {
        self.budget.as_ref().map_or(Ok(()), |budget| budget.spend(values))
    }

    /// Its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The type of its numbers.
    pub fn kind(&self) -> NumberKind {
        self.kind
    }

    /// Whether it does not depend on the pixels.
    pub fn is_constant(&self) -> bool {
        !self.variable
    }

    /// The value of a constant with a single value.
    pub fn scalar(&self) -> Option<f64> {
        self.scalar
    }

    /// The values on the device of the pixels.
    pub fn tensor(&self) -> Option<DispatchTensor> {
        self.device.clone()
    }

    /// Whether every value of a constant is finite.
    pub fn is_finite(&self) -> Checked<bool> {
        let Some(host) = &self.host else { return Ok(true) };
        let values = Tensor::<1>::from_dispatch(Dispatch::float_cast(flat(host.clone()), FloatDType::F32));
        let zero = values.mul_scalar(0.0).sum().into_data().try_to_vec::<f32>(); // NaN if one is not finite
        zero.map(|zero| zero == [0.0]).map_err(|error| format!("{error:?}"))
    }

    /// The values of a constant, row by row.
    pub fn values(&self) -> Checked<Vec<f64>> {
        if self.variable {
            return Err("a constant is expected here, and this depends on the pixels".to_owned());
        }
        self.spend(elements(&self.shape))?;
        let Some(host) = &self.host else {
            return if self.shape.contains(&0) {
                Ok(Vec::new())
            } else {
                Err("a small constant is expected".to_owned())
            };
        };
        let data = Tensor::<1>::from_dispatch(Dispatch::float_cast(flat(host.clone()), FloatDType::F64)).into_data();
        data.try_to_vec::<f64>().map_err(|error| format!("{error:?}"))
    }

    /// The values of a constant as integers.
    pub fn whole_values(&self) -> Checked<Vec<i64>> {
        Ok(self.values()?.into_iter().map(|value| value as i64).collect())
    }

    /// The values of a constant that is a short list.
    pub fn list(&self) -> Checked<Vec<f64>> {
        if elements(&self.shape) > LIST {
            return Err(format!("a list of at most {LIST} numbers is expected, {:?} found", self.shape));
        }
        self.values()
    }

    /// The same as integers.
    pub fn whole_list(&self) -> Checked<Vec<i64>> {
        Ok(self.list()?.into_iter().map(|value| value as i64).collect())
    }

    /// Copies a constant to `device`. If layers alone read it, the copy on the CPU is dropped.
    pub fn copy_to(&mut self, device: &Device, for_layers: bool) {
        if let Some(host) = self.host.clone().filter(|_| !self.variable) {
            self.device = Some(upload(host, &self.shape, device));
            if for_layers {
                self.host = None;
            }
        }
    }

    /// The same constant as contiguous `f32` values in row-major order.
    pub fn in_rows(&self) -> Checked<Self> {
        let host = self.host.clone().ok_or("values are expected")?;
        let data = Tensor::<1>::from_dispatch(flat(Dispatch::float_cast(host, FloatDType::F32))).into_data();
        Ok(Self { budget: self.budget.clone(), ..Self::held(data, &self.shape, NumberKind::Float)? })
    }

    fn with_scalar(mut self) -> Self {
        if count(&self.shape) == Ok(1) {
            self.scalar = self.values().ok().and_then(|values| values.first().copied());
        }
        self
    }

    /// The array of `shape` that `work` computes from the values of `inputs`.
    fn make(
        inputs: &[&Self],
        shape: Vec<usize>,
        kind: NumberKind,
        work: impl FnOnce(Vec<DispatchTensor>) -> DispatchTensor,
    ) -> Checked<Self> {
        let count = count(&shape)?;
        let from: usize = inputs.iter().map(|input| elements(&input.shape)).sum();
        let budget = Self::charge(inputs, from + count)?;
        if inputs.iter().all(|input| !input.variable) {
            if count > budget.as_ref().map_or(GROWTH, |budget| budget.largest) {
                return Err(format!("a constant of {shape:?} is too large for a file of this size"));
            }
            // If one input is not of floats, the constants are all computed in 64 bits.
            let mixed = inputs.iter().any(|input| input.kind != NumberKind::Float);
            let precise = |values| if mixed { Dispatch::float_cast(values, FloatDType::F64) } else { values };
            let values: Option<Vec<_>> = inputs.iter().map(|input| input.host.clone().map(precise)).collect();
            let dtype = if kind == NumberKind::Float { FloatDType::F32 } else { FloatDType::F64 };
            let host = match values {
                Some(values) if count > 0 => Some(Dispatch::float_cast(work(values), dtype)),
                None if count > 0 => return Err("a constant without values".to_owned()),
                _ => None,
            };
            return Ok(Self { shape, kind, variable: false, host, device: None, scalar: None, budget }.with_scalar());
        }
        if count == 0 {
            return Err(format!("the result is empty: its shape is {shape:?}"));
        }
        let present = inputs.iter().filter(|input| input.variable).map(|input| input.device.as_ref());
        let Some(present) = present.collect::<Option<Vec<_>>>() else {
            return Ok(Self { shape, kind, variable: true, host: None, device: None, scalar: None, budget });
        };
        let device = device_of(present[0]);
        let brought = |input: &&Self| match (&input.device, &input.host) {
            (Some(values), _) => Ok(values.clone()),
            (None, Some(host)) => Ok(upload(host.clone(), &input.shape, &device)),
            (None, None) => Err("a constant without values".to_owned()),
        };
        let values = inputs.iter().map(brought).collect::<Checked<Vec<_>>>()?;
        Ok(Self { shape, kind, variable: true, host: None, device: Some(work(values)), scalar: None, budget })
    }

    /// Takes `values` that are read and made of `inputs` off their budget, which it returns.
    fn charge(inputs: &[&Self], values: usize) -> Checked<Option<Rc<Budget>>> {
        let budget = inputs.iter().find_map(|input| input.budget.clone());
        if let Some(budget) = &budget {
            if inputs.iter().any(|input| input.variable) {
                budget.work.set(budget.work.get().saturating_add(values));
            } else {
                budget.spend(values)?;
            }
        }
        Ok(budget)
    }

    /// Applies `work` to every value.
    pub fn map(&self, work: impl FnOnce(DispatchTensor) -> DispatchTensor) -> Checked<Self> {
        Self::make(&[self], self.shape.clone(), self.kind, |mut values| work(values.remove(0)))
    }

    /// Applies `work`, a function of Burn's tensors, to the values as one row.
    pub fn map_flat(&self, work: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Checked<Self> {
        let shape = self.shape.clone();
        self.map(|x| shaped(work(Tensor::from_dispatch(flat(x))).into_dispatch(), &shape))
    }

    /// Converts the numbers to another type. Floats become integers by truncation.
    pub fn cast(&self, kind: NumberKind) -> Checked<Self> {
        match (self.kind, kind) {
            (from, to) if from == to => Ok(self.clone()),
            (NumberKind::Float, NumberKind::Int) => {
                Self { kind, ..self.map(Dispatch::float_trunc)? }.in_kind_precision()
            }
            (_, NumberKind::Bool) => {
                self.map_flat(|x| x.not_equal_elem(0.0).float()).map(|x| Self { kind, ..x })?.in_kind_precision()
            }
            _ => Self { kind, ..self.clone() }.in_kind_precision(),
        }
    }

    /// The values in the precision of their type.
    fn in_kind_precision(self) -> Checked<Self> {
        Self::make(&[&self], self.shape.clone(), self.kind, |mut values| values.remove(0))
    }

    /// Applies `work` to pairs of values, after both arrays are broadcast to one shape.
    pub fn pair(
        &self,
        other: &Self,
        kind: NumberKind,
        work: impl FnOnce(DispatchTensor, DispatchTensor) -> DispatchTensor,
    ) -> Checked<Self> {
        let shape = broadcast(&self.shape, &other.shape)?;
        let [a, b] = [self, other].map(|x| aligned(&x.shape, shape.len()));
        Self::make(&[self, other], shape, kind, |values| {
            let [x, y] = two(values);
            work(shaped(x, &a), shaped(y, &b))
        })
    }

    /// Applies `work`, a function of Burn's tensors, to the pairs of values as rows.
    pub fn pair_flat(
        &self,
        other: &Self,
        kind: NumberKind,
        work: impl FnOnce(Tensor<1>, Tensor<1>) -> Tensor<1>,
    ) -> Checked<Self> {
        let shape = broadcast(&self.shape, &other.shape)?;
        Self::make(&[self, other], shape.clone(), kind, |values| {
            let [x, y] = two(values);
            let row = |x, from: &Self| Tensor::from_dispatch(flat(wide(x, &from.shape, &shape)));
            shaped(work(row(x, self), row(y, other)).into_dispatch(), &shape)
        })
    }

    /// The values of `yes` where `self` is true, else those of `no`.
    pub fn choose(&self, yes: &Self, no: &Self) -> Checked<Self> {
        let shape = broadcast(&broadcast(&self.shape, &yes.shape)?, &no.shape)?;
        Self::make(&[self, yes, no], shape.clone(), yes.kind, |mut values| {
            let [no, yes, mask] = [no, yes, self].map(|from| {
                let x = values.pop().expect("there are three");
                Tensor::<1>::from_dispatch(flat(wide(x, &from.shape, &shape)))
            });
            shaped(no.mask_where(mask.greater_elem(0.5), yes).into_dispatch(), &shape)
        })
    }

    /// The same values in another shape.
    pub fn reshape(&self, shape: &[usize]) -> Checked<Self> {
        if count(&self.shape)? != count(shape)? {
            return Err(format!("a shape of as many values as {:?} is expected, {shape:?} found", self.shape));
        }
        Self::make(&[self], shape.to_vec(), self.kind, |mut values| shaped(values.remove(0), shape))
    }

    /// The same values with the axes in another order.
    pub fn permute(&self, axes: &[usize]) -> Checked<Self> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.rank()) {
            return Err(format!("an order of the axes of {:?} is expected, {axes:?} found", self.shape));
        }
        if axes.is_empty() {
            return Ok(self.clone());
        }
        let shape = axes.iter().map(|&axis| self.shape[axis]).collect();
        Self::make(&[self], shape, self.kind, |mut values| Dispatch::float_permute(values.remove(0), axes))
    }

    /// Broadcast to `shape`; axes that are already longer keep their length.
    pub fn expand(&self, shape: &[usize]) -> Checked<Self> {
        let to = broadcast(&self.shape, shape)?;
        if to == self.shape {
            return Ok(self.clone());
        }
        Self::make(&[self], to.clone(), self.kind, |mut values| wide(values.remove(0), &self.shape, &to))
    }

    /// A range (start, end, step) of every axis: every `step`-th index from `start` up to but not including `end`. If
    /// the step is negative, backwards from `end - 1`.
    pub fn slice(&self, ranges: &[(usize, usize, i64)]) -> Checked<Self> {
        let mut shape = Vec::with_capacity(ranges.len());
        let mut slices = Vec::with_capacity(ranges.len());
        for (&(start, end, step), &length) in ranges.iter().zip(&self.shape) {
            if start > end || end > length || step == 0 {
                return Err(format!("a range within 0 to {length} is expected, {start} to {end} by {step} found"));
            }
            shape.push((end - start).div_ceil(step.unsigned_abs() as usize));
            slices.push(Slice::with_step(start as isize, Some(end as isize), step as isize));
        }
        if shape == self.shape && ranges.iter().all(|&(.., step)| step == 1) || self.rank() == 0 {
            return Ok(self.clone());
        }
        Self::make(&[self], shape, self.kind, |mut values| Dispatch::float_slice(values.remove(0), &slices))
    }

    /// The indices from `start` up to but not including `end` of one axis.
    pub fn narrow(&self, axis: usize, start: usize, end: usize) -> Checked<Self> {
        let range = |(index, &length)| if index == axis { (start, end, 1) } else { (0, length, 1) };
        self.slice(&self.shape.iter().enumerate().map(range).collect::<Vec<_>>())
    }

    /// Joins arrays along an axis.
    pub fn cat(arrays: &[&Self], axis: usize) -> Checked<Self> {
        let mut shape = arrays.first().ok_or("at least one array is expected")?.shape.clone();
        if axis >= shape.len() {
            return Err(format!("arrays with an axis {axis} are expected, {shape:?} found"));
        }
        shape[axis] = 0;
        for array in arrays {
            let differs = |(index, (&a, &b))| index != axis && a != b;
            if array.rank() != shape.len() || array.shape.iter().zip(&shape).enumerate().any(differs) {
                let shapes: Vec<_> = arrays.iter().map(|array| &array.shape).collect();
                return Err(format!("shapes that differ in axis {axis} alone are expected, {shapes:?} found"));
            }
            shape[axis] = shape[axis].saturating_add(array.shape[axis]);
        }
        let filled: Vec<&Self> = arrays.iter().copied().filter(|array| array.shape[axis] > 0).collect();
        Self::make(&filled, shape, arrays[0].kind, |values| Dispatch::float_cat(values, axis))
    }

    /// The array repeated `times` times along an axis.
    pub fn repeat(&self, axis: usize, times: usize) -> Checked<Self> {
        let mut shape = self.shape.clone();
        shape[axis] = shape[axis].saturating_mul(times);
        Self::make(&[self], shape, self.kind, |mut values| Dispatch::float_repeat_dim(values.remove(0), axis, times))
    }

    /// Pads every axis before and after, with the values that `mode` says.
    pub fn pad(&self, pads: &[(usize, usize)], mode: PadMode) -> Checked<Self> {
        if pads.iter().all(|&pad| pad == (0, 0)) {
            return Ok(self.clone());
        }
        let mut shape = Vec::with_capacity(self.rank());
        for (&length, &(before, after)) in self.shape.iter().zip(pads) {
            let most = match mode {
                PadMode::Constant(_) => LARGEST,
                PadMode::Reflect => length.saturating_sub(1),
                _ if length == 0 => 0,
                _ => LARGEST,
            };
            if before > most || after > most {
                return Err(format!(
                    "padding by at most {most} is expected for a length of {length}, {before} and {after} found"
                ));
            }
            shape.push(length + before + after);
        }
        Self::make(&[self], shape, self.kind, |mut values| Dispatch::float_pad(values.remove(0), pads, mode))
    }

    /// Reduces one axis to length 1 by `work`.
    pub fn reduce(&self, axis: usize, work: impl FnOnce(DispatchTensor, usize) -> DispatchTensor) -> Checked<Self> {
        let mut shape = self.shape.clone();
        if shape[axis] == 0 {
            return Err("there are no values".to_owned());
        }
        shape[axis] = 1;
        Self::make(&[self], shape, self.kind, |mut values| work(values.remove(0), axis))
    }

    /// The entries at `indices` along an axis.
    pub fn select(&self, axis: usize, indices: &[usize]) -> Checked<Self> {
        let length = self.shape[axis];
        if let Some(index) = indices.iter().find(|&&index| index >= length) {
            return Err(format!("indices below {length} are expected, {index} found"));
        }
        let first = indices.first().copied().unwrap_or_default();
        if !indices.is_empty() && indices.iter().copied().eq(first..first + indices.len()) {
            return self.narrow(axis, first, first + indices.len());
        }
        let many = indices.len();
        let mut shape = self.shape.clone();
        shape[axis] = many;
        Self::make(&[self], shape, self.kind, |mut values| {
            let x = values.remove(0);
            let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
            let data = TensorData::new(indices, [many]);
            let indices = Tensor::<1, Int>::from_data(data, &device_of(&x));
            Dispatch::float_select(x, axis, indices.into_dispatch())
        })
    }

    /// The matrix product of the last two axes. The axes before them are broadcast.
    pub fn matmul(&self, other: &Self) -> Checked<Self> {
        let (a, b) = (&self.shape, &other.shape);
        let expected = || format!("matrices whose inner lengths agree are expected, {a:?} and {b:?} found");
        if a.is_empty() || b.is_empty() {
            return Err(expected());
        }
        if a.len() == 1 {
            let product = self.reshape(&[1, a[0]])?.matmul(other)?;
            let mut shape = product.shape.clone();
            shape.remove(shape.len() - if b.len() == 1 { 1 } else { 2 });
            return product.reshape(&shape);
        }
        if b.len() == 1 {
            let product = self.matmul(&other.reshape(&[b[0], 1])?)?;
            return product.reshape(&product.shape[..product.rank() - 1]);
        }
        let ([.., rows, inner], [.., same, columns]) = (&a[..], &b[..]) else {
            return Err(expected());
        };
        if inner != same {
            return Err(expected());
        }
        if b.len() == 2 && a.len() > 2 {
            let flat = self.reshape(&[count(&a[..a.len() - 1])?, *inner])?.matmul(other)?;
            let shape: Vec<usize> = a[..a.len() - 1].iter().copied().chain([*columns]).collect();
            return flat.reshape(&shape);
        }
        let outer = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
        let with = |ends: [usize; 2]| outer.iter().copied().chain(ends).collect::<Vec<_>>();
        let shape = with([*rows, *columns]);
        Self::charge(&[self, other], count(&shape)?.saturating_mul(*inner) / 256)?;
        Self::make(&[self, other], shape, NumberKind::Float, |values| {
            let [x, y] = two(values);
            let (x, y) = (wide(x, a, &with([*rows, *inner])), wide(y, b, &with([*inner, *columns])));
            Dispatch::float_matmul(x, y)
        })
    }

    /// A layer of [`crate::fused`], with its weights and bias.
    pub fn layer(&self, layer: crate::fused::Layer, weight: &Self, bias: &Self) -> Checked<Self> {
        use crate::fused::{Kind, LayerOps};
        let (x, w) = (&self.shape, &weight.shape);
        let fits = match layer.kind {
            Kind::Dense => x.len() == 2 && w.len() == 2 && x[1] == w[0] && bias.shape == w[1..],
            Kind::Pointwise => x.len() == 4 && w.len() == 4 && x[1] == w[1] && bias.shape == w[..1],
            Kind::Convolution { groups, padding, .. } => {
                let reach = |axis: usize| x[axis + 2].saturating_add(padding[axis].0).saturating_add(padding[axis].1);
                let sized = x.len() == 4 && w.len() == 4 && bias.shape == w[..1] && groups > 0;
                sized
                    && w[1].checked_mul(groups) == Some(x[1])
                    && w[0] % groups == 0
                    && reach(0) >= w[2]
                    && reach(1) >= w[3]
            }
        };
        if !fits {
            return Err(format!("an input that fits weights of {w:?} is expected, {x:?} found"));
        }
        let shape = layer.output(&Shape::from(x.clone()), &Shape::from(w.clone()));
        Self::charge(&[self, weight], count(shape.as_slice())?.saturating_mul(elements(&w[1..])) / 256)?;
        Self::make(&[self, weight, bias], shape.as_slice().to_vec(), NumberKind::Float, |mut values| {
            let [bias, weight, x] = [(); 3].map(|()| values.pop().expect("there are three"));
            Dispatch::apply(x, weight, bias, layer)
        })
    }

    /// A convolution of pictures `[N, C, H, W]`, with the strides, dilations and padding of `window`.
    pub fn convolve(&self, weight: &Self, bias: Option<&Self>, window: &Window, groups: usize) -> Checked<Self> {
        let (x, w) = (&self.shape, &weight.shape);
        let fits =
            x.len() == 4 && w.len() == 4 && groups > 0 && w[1].checked_mul(groups) == Some(x[1]) && w[0] % groups == 0;
        if !fits {
            return Err(format!("weights that fit {x:?} in {groups} groups are expected, {w:?} found"));
        }
        if let Some(bias) = bias.filter(|bias| bias.shape != w[..1]) {
            return Err(format!("a bias of {} values is expected, {:?} found", w[0], bias.shape));
        }
        let [height, width] = window.output([x[2], x[3]])?;
        let inputs: Vec<&Self> = [self, weight].into_iter().chain(bias).collect();
        // Burn copies the input of every product first, so each product counts in full.
        Self::charge(&inputs, count(&[x[0], w[0], height, width])?.saturating_mul(elements(&w[1..])))?;
        Self::make(&inputs, vec![x[0], w[0], height, width], NumberKind::Float, |mut values| {
            let bias = if values.len() == 3 { values.pop() } else { None };
            let [x, weight] = two(values);
            let options = burn::backend::ops::ConvOptions::new_with_padding(
                window.stride,
                window.padding,
                window.dilation,
                groups,
            );
            Dispatch::conv2d(x, weight, bias, options)
        })
    }

    /// The largest value of every window.
    pub fn max_pool(&self, window: &Window) -> Checked<Self> {
        let (padded, window) = self.padded(window, f32::MIN)?;
        padded.pool(&window, |x, [height, width]| {
            let padding = window.padding.map(|(before, _)| before);
            Dispatch::max_pool2d(x, [height, width], window.stride, padding, window.dilation, false)
        })
    }

    /// The mean of every window. It counts the padding if `count_padding`.
    pub fn mean_pool(&self, window: &Window, count_padding: bool) -> Checked<Self> {
        if window.dilation != [1, 1] {
            return Err("averages without dilation are expected".to_owned());
        }
        let even = window.padding.iter().all(|(before, after)| before == after);
        if even && !window.ceil {
            return self.pool(window, |x, size| {
                let padding = window.padding.map(|(before, _)| before);
                Dispatch::avg_pool2d(x, size, window.stride, padding, count_padding, false)
            });
        }
        // The mean with padded zeros, divided by the mean of a mask: 1 for values that count, else 0.
        let pads = self.pads(window)?;
        let [.., height, width] = self.shape[..] else {
            return Err("a picture is expected".to_owned());
        };
        let ones = Self { budget: self.budget.clone(), ..Self::ones(&[1, 1, height, width])? };
        let ones = if count_padding {
            let extra = [0, 1].map(|axis| (0, pads[axis].1 - window.padding[axis].1));
            ones.around(&window.padding, 1.0)?.around(&extra, 0.0)?
        } else {
            ones.around(&pads, 0.0)?
        };
        let window = Window { padding: [(0, 0); 2], ceil: false, ..window.clone() };
        let mean =
            |x: &Self| x.pool(&window, |x, size| Dispatch::avg_pool2d(x, size, window.stride, [0, 0], true, false));
        mean(&self.around(&pads, 0.0)?)?.pair(&mean(&ones)?, NumberKind::Float, Dispatch::float_div)
    }

    /// The array with the padding that Burn's pooling cannot do itself, and the window without that padding.
    fn padded(&self, window: &Window, value: f32) -> Checked<(Self, Window)> {
        let pads = self.pads(window)?;
        let even = pads.iter().all(|(before, after)| before == after);
        let small = (0..2).all(|axis| 2 * pads[axis].0 <= window.size[axis]);
        if even && small && !window.ceil {
            return Ok((self.clone(), window.clone()));
        }
        Ok((self.around(&pads, value)?, Window { padding: [(0, 0); 2], ceil: false, ..window.clone() }))
    }

    /// The padding around a picture, including how far the last window reaches beyond it.
    fn pads(&self, window: &Window) -> Checked<[(usize, usize); 2]> {
        let [_, _, height, width] = self.shape[..] else {
            return Err(format!("pictures [N, C, H, W] are expected, {:?} found", self.shape));
        };
        let output = window.output([height, width])?;
        Ok([0, 1].map(|axis| {
            let (before, after) = window.padding[axis];
            let reach = (output[axis] - 1) * window.stride[axis] + (window.size[axis] - 1) * window.dilation[axis] + 1;
            (before, after.max(reach.saturating_sub(self.shape[axis + 2] + before)))
        }))
    }

    /// A picture padded with `value`.
    fn around(&self, pads: &[(usize, usize); 2], value: f32) -> Checked<Self> {
        self.pad(&[(0, 0), (0, 0), pads[0], pads[1]], PadMode::Constant(value))
    }

    fn pool(&self, window: &Window, work: impl FnOnce(DispatchTensor, [usize; 2]) -> DispatchTensor) -> Checked<Self> {
        let [images, channels, height, width] = self.shape[..] else {
            return Err(format!("pictures [N, C, H, W] are expected, {:?} found", self.shape));
        };
        let [down, across] = window.output([height, width])?;
        let shape = vec![images, channels, down, across];
        Self::charge(&[self], count(&shape)?.saturating_mul(window.size[0].saturating_mul(window.size[1])))?;
        Self::make(&[self], shape, NumberKind::Float, |mut values| work(values.remove(0), window.size))
    }

    /// The softmax along an axis, or its logarithm.
    pub fn softmax(&self, axis: usize, logarithm: bool) -> Checked<Self> {
        let softmax = if logarithm { Dispatch::log_softmax } else { Dispatch::softmax };
        self.map(|x| softmax(x, axis))
    }

    /// Normalises the last axis to mean 0 and standard deviation 1, then multiplies by `scale` and adds `shift`.
    pub fn normalise_last(&self, scale: &Self, shift: Option<&Self>, epsilon: f64) -> Checked<Self> {
        let last = &self.shape[self.rank() - 1..];
        if scale.shape != last || shift.is_some_and(|shift| shift.shape != last) {
            return Err(format!("a scale of {last:?} is expected, {:?} found", scale.shape));
        }
        let inputs: Vec<&Self> = [self, scale].into_iter().chain(shift).collect();
        Self::make(&inputs, self.shape.clone(), NumberKind::Float, |mut values| {
            let shift = if values.len() == 3 { values.pop() } else { None };
            let [x, scale] = two(values);
            Dispatch::layer_norm(x, scale, shift, epsilon)
        })
    }
}

/// A sliding window over a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub size: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Before and after: for the rows, then for the columns.
    pub padding: [(usize, usize); 2],
    /// Whether the last window may reach beyond the padding.
    pub ceil: bool,
}

impl Window {
    /// The number of its positions, along rows and columns of a picture.
    pub fn output(&self, input: [usize; 2]) -> Checked<[usize; 2]> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let (before, after) = self.padding[axis];
            let reach = self.size[axis].saturating_sub(1).saturating_mul(self.dilation[axis]).saturating_add(1);
            let length = input[axis].saturating_add(before).saturating_add(after);
            let stride = self.stride[axis];
            if self.size[axis] == 0 || stride == 0 || self.dilation[axis] == 0 || reach > length || length > LARGEST {
                let Self { size: [rows, columns], stride, dilation, padding, .. } = self;
                return Err(format!(
                    "a window that fits a picture of {input:?} is expected, one of {rows} × {columns} found, with stride \
                     {stride:?}, dilation {dilation:?} and padding {padding:?}"
                ));
            }
            let room = length - reach;
            output[axis] = if self.ceil { room.div_ceil(stride) } else { room / stride } + 1;
            // A window that would begin in the padding after the picture does not count.
            if self.ceil && (output[axis] - 1) * stride >= input[axis] + before {
                output[axis] -= 1;
            }
        }
        Ok(output)
    }
}

/// The number of values of an array of `shape`, if it is not too large.
pub(super) fn count(shape: &[usize]) -> Checked<usize> {
    if shape.len() > AXES {
        return Err(format!("at most {AXES} axes are expected, {} found", shape.len()));
    }
    let times = |product: usize, &length: &usize| product.checked_mul(length).filter(|_| length <= LARGEST);
    let product = shape.iter().try_fold(1, times);
    product.filter(|&count| count <= LARGEST).ok_or_else(|| format!("an array of {shape:?} is too large"))
}

/// The same for a constant that is made of almost nothing.
pub(super) fn within_growth(shape: &[usize]) -> Checked<usize> {
    let too_large = || format!("a constant of {shape:?} is too large for a file of this size");
    Some(count(shape)?).filter(|&count| count <= GROWTH).ok_or_else(too_large)
}

/// The number of values of an existing array.
fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The shape to which both are broadcast.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Checked<Vec<usize>> {
    let rank = a.len().max(b.len());
    let longer = [aligned(a, rank), aligned(b, rank)];
    let pairs = longer[0].iter().zip(&longer[1]).map(|pair| match pair {
        (&a, &b) if a == b || b == 1 => Some(a),
        (1, &b) => Some(b),
        _ => None,
    });
    pairs
        .collect::<Option<_>>()
        .ok_or_else(|| format!("shapes that fit each other are expected, {a:?} and {b:?} found"))
}

/// The shape with axes of length 1 added in front.
fn aligned(shape: &[usize], rank: usize) -> Vec<usize> {
    std::iter::repeat_n(1, rank.saturating_sub(shape.len())).chain(shape.iter().copied()).collect()
}

/// The values in a shape. A single value without axes gets one axis in Burn.
fn shaped(values: DispatchTensor, shape: &[usize]) -> DispatchTensor {
    let shape = if shape.is_empty() { Shape::new([1]) } else { Shape::from(shape.to_vec()) };
    if values.shape() == shape { values } else { Dispatch::float_reshape(values, shape) }
}

/// The values of the shape `from`, broadcast to `to`.
fn wide(values: DispatchTensor, from: &[usize], to: &[usize]) -> DispatchTensor {
    if from == to {
        return values;
    }
    Dispatch::float_expand(shaped(values, &aligned(from, to.len())), Shape::from(to.to_vec()))
}

fn flat(values: DispatchTensor) -> DispatchTensor {
    let count = values.shape().num_elements();
    shaped(values, &[count])
}

fn two(values: Vec<DispatchTensor>) -> [DispatchTensor; 2] {
    values.try_into().expect("there are two")
}

fn device_of(values: &DispatchTensor) -> Device {
    Tensor::<1>::from_dispatch(values.clone()).device().without_autodiff()
}

fn upload(host: DispatchTensor, shape: &[usize], device: &Device) -> DispatchTensor {
    let single = Dispatch::float_cast(host, FloatDType::F32);
    if *device == Device::flex() {
        return single;
    }
    let data = Tensor::<1>::from_dispatch(flat(single)).into_data();
    shaped(Tensor::<1>::from_data(data, device).into_dispatch(), shape)
}
