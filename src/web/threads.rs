//! The threads of the module that computes on all cores. Each is a worker of its own that shares the module's memory;
//! rayon gives them their work.

use std::sync::{Condvar, Mutex, PoisonError};

use js_sys::{JsString, Promise};
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::*;

/// The threads that no worker has taken over yet.
static OFFERED: Mutex<Vec<ThreadBuilder>> = Mutex::new(Vec::new());

/// Tells waiting workers that a thread is offered.
static MORE: Condvar = Condvar::new();

#[wasm_bindgen(module = "/src/web/threads.js")]
extern "C" {
    #[wasm_bindgen(js_name = startWorkers)]
    fn start_workers(script: JsString, module: JsValue, memory: JsValue, count: usize) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// The address of the JavaScript around this module.
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT: JsString;
}

/// Computes with `count` threads from now on, of which the caller is one. To be awaited in a worker, once, before
/// anything is computed.
#[wasm_bindgen(js_name = startThreads)]
pub async fn start_threads(count: usize) -> Result<(), JsValue> {
    let script = SCRIPT.with(Clone::clone);
    let workers = start_workers(script, wasm_bindgen::module(), wasm_bindgen::memory(), count.saturating_sub(1));
    wasm_bindgen_futures::JsFuture::from(workers).await?;
    let pool = ThreadPoolBuilder::new().num_threads(count.max(1)).use_current_thread().spawn_handler(|thread| {
        OFFERED.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        MORE.notify_one();
        Ok(())
    });
    // This waits until every thread runs, so the workers have to be ready.
    pool.build_global().map_err(|error| JsError::new(&error.to_string()).into())
}

/// Makes a worker one of the threads, until the page ends it.
#[wasm_bindgen(js_name = runThread)]
pub fn run_thread() {
    let offered = OFFERED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut offered = MORE.wait_while(offered, |offered| offered.is_empty()).unwrap_or_else(PoisonError::into_inner);
    let thread = offered.pop();
    drop(offered);
    thread.expect("a thread is offered").run();
}
