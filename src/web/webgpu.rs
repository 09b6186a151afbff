//! Opens the GPU and watches it. If it rejects something, is lost, or does not answer, the current work ends with an
//! error.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use burn_wgpu::{WgpuBackend, WgpuSetup};
use futures_lite::FutureExt;
use gloo_timers::future::TimeoutFuture;
use log::{LevelFilter, Log, Metadata, Record};
use wgpu::{DeviceType, Error as GpuError, ErrorFilter};

use crate::error::Error;
use crate::tensors::read;

/// Timeout in seconds for opening a GPU.
pub const OPENING: u32 = 10;

/// Timeout in seconds for the first pass, which compiles most shaders.
pub const FIRST_PASS: u32 = 60;

/// Timeout in seconds for later work. A CPU computes many steps in this time.
pub const WORKING: u32 = 30;

/// No timeout: the caller chooses how much is computed before a read-back.
pub const UNLIMITED: u32 = u32::MAX;

/// A device that Burn's WebGPU runtime has opened.
#[derive(Clone)]
pub struct WebGpu {
    pub device: Device,
    pub name: String,
    /// Whether the browser emulates the GPU on the processor.
    pub software: bool,
}

thread_local! {
    /// The open device. Burn's WebGPU runtime can be opened only once per wasm module.
    static OPENED: RefCell<Option<WebGpu>> = const { RefCell::new(None) };
    /// The GPU that is watched.
    static GPU: OnceCell<wgpu::Device> = const { OnceCell::new() };
    /// The first failure, in words. After it, results from the GPU are not used.
    static FAILURE: OnceCell<String> = const { OnceCell::new() };
}

/// The GPU, or why there is none, in words for the beginning of a sentence.
pub async fn open() -> Result<WebGpu, String> {
    if let Some(failure) = failure() {
        return Err(failure);
    }
    if let Some(opened) = OPENED.with_borrow(Clone::clone) {
        return Ok(opened);
    }
    let opening = async {
        let options = Device::wgpu_options().graphics_api(WgpuBackend::WebGpu);
        let opened = options.init_with_setup_async().await;
        let (device, setup) = opened.map_err(|error| Error::Device(error.to_string()))?;
        listen(setup.device.clone());
        // A device may accept commands and still never return a result.
        read(Tensor::<1>::from_data([0.0_f32], &device)).await?;
        Ok((device, setup))
    };
    let (device, setup) = watched(OPENING, opening)
        .await
        .map_err(|_| failure().unwrap_or_else(|| "This browser offers no GPU through WebGPU here".to_owned()))?;
    let software = setup.adapter.get_info().device_type == DeviceType::Cpu;
    let opened = WebGpu { device, name: adapter_name(&setup), software };
    OPENED.set(Some(opened.clone()));
    Ok(opened)
}

fn adapter_name(setup: &WgpuSetup) -> String {
    let info = setup.adapter.get_info();
    [info.name, info.driver_info, info.driver]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "a GPU without a name".to_owned())
}

/// Receives all errors of `device`. CubeCL's own handler, which this one replaces, would abort the whole module.
fn listen(device: wgpu::Device) {
    device.on_uncaptured_error(Arc::new(|error| match error {
        GpuError::OutOfMemory { .. } => fail("The GPU’s memory is full"),
        GpuError::Validation { .. } | GpuError::Internal { .. } => rejected(),
    }));
    device.set_device_lost_callback(|_, _| fail("The GPU was lost in the middle of the computation"));
    if log::set_logger(&Rejections).is_ok() {
        log::set_max_level(LevelFilter::Error);
    }
    let _ = GPU.with(|gpu| gpu.set(device));
}

/// The failure of the GPU, in words for the beginning of a sentence.
fn failure() -> Option<String> {
    FAILURE.with(|failure| failure.get().cloned())
}

/// Awaits `work` on the GPU, for at most `limit` seconds, and only while the GPU works.
///
/// # Errors
///
/// If the GPU has failed, even if `work` has not noticed it.
pub async fn watched<T>(limit: u32, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let settled = async {
        let done = work.await;
        // The GPU answers in order: when this answer arrives, all earlier errors have been reported.
        if let Some(gpu) = GPU.with(|gpu| gpu.get().cloned()) {
            gpu.push_error_scope(ErrorFilter::Validation).pop().await;
        }
        failure().map_or(done, |failure| Err(Error::Device(failure)))
    };
    settled.or(async { Err(timeout(limit).await) }).await
}

/// Waits until the GPU fails or `limit` seconds pass. Where the browser stops its timers, as in a background tab, no
/// time passes.
async fn timeout(limit: u32) -> Error {
    for _ in 0..limit {
        TimeoutFuture::new(1000).await;
        if let Some(failure) = failure() {
            return Error::Device(failure);
        }
    }
    fail(&format!("The GPU has not answered for {limit} seconds"));
    Error::Device(failure().unwrap_or_default())
}

fn rejected() {
    fail("The GPU’s driver rejected a part of the computation");
}

/// Records the first failure. Later ones are its consequences.
fn fail(words: &str) {
    let _ = FAILURE.with(|failure| failure.set(words.to_owned()));
}

/// Catches shaders that are rejected: CubeCL only logs them and goes on without them (tracel-ai/cubecl#1641).
struct Rejections;

impl Log for Rejections {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("cubecl_wgpu::backend")
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            rejected();
        }
    }

    fn flush(&self) {}
}
