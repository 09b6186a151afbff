//! The device of a session: WebGPU if it is available and computes correctly, else the CPU.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tsify::Tsify;
use wasm_bindgen::prelude::*;
use web_time::Instant;

use super::webgpu::{self, WebGpu};
use crate::classifier::{Criterion, Frozen, Goal, Input, Slope};
use crate::error::Error;
use crate::norm::Norm;
use crate::tensors::{broadcast, read};

/// The device on which the tensors are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Tsify)]
#[tsify(missing_as_null)]
pub struct DeviceReport {
    /// `webgpu` or `cpu`.
    #[tsify(type = "\"webgpu\" | \"cpu\"")]
    pub kind: String,
    /// Name of the adapter, or “CPU”.
    pub name: String,
    /// Number of threads that compute on the CPU; a GPU is given its work by one.
    pub threads: usize,
    /// Why it is not the device that was asked for, in one sentence.
    pub notice: Option<String>,
    /// The comparison of WebGPU with the CPU, once the first network is loaded.
    pub check: Option<DeviceCheck>,
}

/// A comparison of WebGPU with the CPU on one picture and one network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Tsify)]
pub struct DeviceCheck {
    /// Largest difference of a logit, divided by the largest logit.
    pub logits: f32,
    /// L2 length of the difference of the gradients, divided by that of the gradient.
    pub gradient: f32,
    /// Whether both are within their tolerances.
    pub agrees: bool,
}

/// Another order of rounding changes logits by 1e-6 of the largest. A wrong kernel changes them by far more than this.
const LOGITS_TOLERANCE: f32 = 1e-3;

/// Rounding changes gradients more, since it can switch off a ReLU whose input is almost 0: at single pixels of a deep
/// network by a hundredth. A wrong kernel or layout gives a completely different gradient.
const GRADIENT_TOLERANCE: f32 = 0.05;

#[derive(Clone)]
pub struct ActiveDevice {
    pub device: Device,
    pub report: DeviceReport,
    /// Whether another device may be used if it is faster than WebGPU.
    may_switch: bool,
}

impl ActiveDevice {
    /// Opens the device that `choice` names: `auto`, `webgpu` or `cpu`.
    pub async fn open(choice: &str) -> Result<Self, JsError> {
        match choice {
            "cpu" => Ok(Self::cpu()),
            "auto" | "webgpu" => Ok(match webgpu::open().await {
                Ok(WebGpu { software: true, name, .. }) if choice == "auto" => Self::cpu_because(format!(
                    "The only WebGPU here is {name}, which is itself computed by the CPU and slower than it, so the \
                     CPU is used."
                )),
                Ok(WebGpu { device, name, .. }) => Self {
                    device,
                    report: DeviceReport { kind: "webgpu".to_owned(), name, threads: 1, notice: None, check: None },
                    may_switch: choice == "auto",
                },
                Err(why) => Self::cpu_because(format!("{why}, so the CPU is used; the results are the same.")),
            }),
            _ => Err(JsError::new(&format!("the device is “{choice}”: expected auto, webgpu or cpu"))),
        }
    }

    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            report: DeviceReport {
                kind: "cpu".to_owned(),
                name: "CPU".to_owned(),
                threads: decoy_cpu::threads(),
                notice: None,
                check: None,
            },
            may_switch: false,
        }
    }

    fn cpu_because(notice: String) -> Self {
        let mut cpu = Self::cpu();
        cpu.report.notice = Some(notice);
        cpu
    }

    pub fn is_webgpu(&self) -> bool {
        self.report.kind == "webgpu"
    }

    /// Whether it must still be compared with the CPU.
    pub fn unchecked(&self) -> bool {
        self.is_webgpu() && self.report.check.is_none()
    }

    /// Awaits `work` on this device. On a GPU this is an error if the GPU rejects anything, or does not answer within
    /// `limit` seconds.
    pub async fn watched<T>(&self, limit: u32, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.is_webgpu() { webgpu::watched(limit, work).await } else { work.await }
    }

    /// Compares `network`, which is on this device, with the same network on the CPU. Returns this device with the
    /// comparison. Returns the CPU if they differ, or if another device may be chosen and the CPU takes less than half
    /// of the time.
    pub async fn check(mut self, network: &Frozen, reference: &Frozen, input: Input) -> Result<Self, Error> {
        let (logits, gradient) = match self.watched(webgpu::FIRST_PASS, test_pass(network, input)).await {
            Err(Error::Device(why)) => return Ok(Self::cpu_because(format!("{why}, so the CPU is used."))),
            result => result?,
        };
        let began = Instant::now();
        let (expected_logits, expected_gradient) = test_pass(reference, input).await?;
        let on_cpu = began.elapsed();
        let mut check = DeviceCheck {
            logits: largest_difference(&logits, &expected_logits),
            gradient: distance(&gradient, &expected_gradient),
            agrees: false,
        };
        check.agrees = check.logits < LOGITS_TOLERANCE && check.gradient < GRADIENT_TOLERANCE;
        if !check.agrees {
            let name = self.report.name;
            self = Self::cpu_because(format!("WebGPU on {name} gives other results than the CPU, so the CPU is used."));
        } else if self.may_switch {
            // The first call also compiles the shaders, so only the second one measures the time of a step.
            let began = Instant::now();
            self.watched(webgpu::WORKING, test_pass(network, input)).await?;
            let on_gpu = began.elapsed();
            if on_gpu > 2 * on_cpu {
                let name = self.report.name;
                self = Self::cpu_because(format!(
                    "A step takes {} ms on {name} and {} ms on the CPU, so the CPU is used.",
                    on_gpu.as_millis(),
                    on_cpu.as_millis()
                ));
            }
        }
        self.report.check = Some(check);
        Ok(self)
    }
}

/// The logits of a smooth test picture, and the change of its pixels after a step along the gradient. The gradient read
/// back by itself would not show a kernel that uses a wrong layout.
async fn test_pass(network: &Frozen, input: Input) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let shape = [1, input.channels, input.height, input.width];
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|index: usize| 0.5 + 0.5 * (index as f32 * 0.37).sin()).collect();
    let pixels = Tensor::from_data(TensorData::new(values.clone(), shape), network.device());
    let logits = network.logits(pixels.clone());
    let criterion = Criterion::new(Goal::Misread(vec![0]), logits.dims()[1], network.device())?;
    let Slope { logits, gradient, .. } = network.gradient(pixels.clone(), |logits| criterion.log_odds(logits));
    let largest = Norm::Linf.measure(gradient.clone());
    let moved = read(pixels + gradient / broadcast(largest)).await?;
    Ok((read(logits).await?, moved.iter().zip(values).map(|(after, before)| after - before).collect()))
}

/// The largest difference, divided by the largest expected value; infinite if a value is NaN.
fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (found - expected).abs() / largest)
        .fold(0.0, |worst, next| if next.is_nan() { f32::INFINITY } else { worst.max(next) })
}

/// The L2 length of the difference, divided by that of `expected`; infinite if a value is NaN.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    let difference = length(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    let distance = difference / length(&mut expected.iter().copied()).max(f32::MIN_POSITIVE);
    if distance.is_nan() { f32::INFINITY } else { distance }
}
