//! Watches over the GPU: what it cannot do, that it is gone, and that it does not answer, become errors of the work.

use std::cell::OnceCell;
use std::sync::Arc;

use futures_lite::FutureExt;
use gloo_timers::future::TimeoutFuture;
use log::{LevelFilter, Log, Metadata, Record};
use wgpu::{Error as GpuError, ErrorFilter};

use crate::error::Error;

/// For how long a GPU that is asked for may be silent, in seconds.
pub const OPENING: u32 = 10;

/// For how long it may be silent at the first pass, which compiles most shaders.
pub const FIRST_PASS: u32 = 60;

/// For how long it may be silent later on. A processor has made many steps by then.
pub const WORKING: u32 = 30;

/// Where the caller chooses how much is computed before anything is read back.
pub const UNLIMITED: u32 = u32::MAX;

thread_local! {
    /// The GPU, once it is listened to.
    static GPU: OnceCell<wgpu::Device> = const { OnceCell::new() };
    /// What has gone wrong, in words: what this module computes on the GPU from then on is worth nothing.
    static FAILURE: OnceCell<String> = const { OnceCell::new() };
}

/// Listens to all that `device` complains about. CubeCL, which listens until then, would end the whole module.
pub fn listen(device: wgpu::Device) {
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

/// What has gone wrong with the GPU, in words that a sentence can begin with.
pub fn failure() -> Option<String> {
    FAILURE.with(|failure| failure.get().cloned())
}

/// Waits for `work` on the GPU, as long as that is there, for `limit` seconds at most.
///
/// # Errors
///
/// If the GPU has failed, also where `work` has not noticed.
pub async fn watched<T>(limit: u32, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let settled = async {
        let done = work.await;
        // Answers come in the order of the questions: what there was to complain about has been told before this one.
        if let Some(gpu) = GPU.with(|gpu| gpu.get().cloned()) {
            gpu.push_error_scope(ErrorFilter::Validation).pop().await;
        }
        failure().map_or(done, |failure| Err(Error::Device(failure)))
    };
    settled.or(async { Err(silence(limit).await) }).await
}

/// Waits until the GPU has failed. Where the browser stops its clocks, as in a page in the background, no time passes.
async fn silence(limit: u32) -> Error {
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

/// The first failure counts; others follow from it.
fn fail(words: &str) {
    let _ = FAILURE.with(|failure| failure.set(words.to_owned()));
}

/// CubeCL does no more than log a shader that is rejected, and goes on without it (tracel-ai/cubecl#1641).
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
