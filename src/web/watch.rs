//! Watches the GPU. If it rejects something, is lost, or does not answer, the current work ends with an error.

use std::cell::OnceCell;
use std::sync::Arc;

use futures_lite::FutureExt;
use gloo_timers::future::TimeoutFuture;
use log::{LevelFilter, Log, Metadata, Record};
use wgpu::{Error as GpuError, ErrorFilter};

use crate::error::Error;

/// Timeout in seconds for opening a GPU.
pub const OPENING: u32 = 10;

/// Timeout in seconds for the first pass, which compiles most shaders.
pub const FIRST_PASS: u32 = 60;

/// Timeout in seconds for later work. A CPU computes many steps in this time.
pub const WORKING: u32 = 30;

/// No timeout: the caller chooses how much is computed before a read-back.
pub const UNLIMITED: u32 = u32::MAX;

thread_local! {
    /// The GPU that is watched.
    static GPU: OnceCell<wgpu::Device> = const { OnceCell::new() };
    /// The first failure, in words. After it, results from the GPU are not used.
    static FAILURE: OnceCell<String> = const { OnceCell::new() };
}

/// Receives all errors of `device`. CubeCL's own handler, which this one replaces, would abort the whole module.
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

/// The failure of the GPU, in words for the beginning of a sentence.
pub fn failure() -> Option<String> {
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
