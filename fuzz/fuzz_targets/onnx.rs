//! Any bytes at all are a network or a sentence, and a network answers.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use burn::tensor::{Device, Tensor};
use decoy::onnx::{self, Options};
use libfuzzer_sys::fuzz_target;

/// The longest sentence, in characters.
const SENTENCE: usize = 700;

/// Networks that take more work are not run: they are as slow as they are large.
const MOST_WORK: usize = 1 << 20;

/// The most that one allocation may take, and all of them together, for a small file.
const MOST_AT_ONCE: usize = 128 << 20;
const MOST_IN_ALL: usize = 512 << 20;

/// The system's memory, up to these limits; libFuzzer's own options need a sanitizer.
struct Limited;

#[global_allocator]
static MEMORY: Limited = Limited;

static IN_ALL: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system does the work.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        if size > MOST_AT_ONCE || IN_ALL.fetch_add(size, Relaxed) + size > MOST_IN_ALL {
            eprintln!("too much memory: {size} bytes more are asked for");
            std::process::abort();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_ALL.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

fuzz_target!(|bytes: &[u8]| {
    // A file may leave the size of its pictures open.
    for input_size in [None, Some((6, 5))] {
        match onnx::load(bytes, &Options { input_size, ..Options::default() }, &Device::flex()) {
            Ok(network) => return run(network),
            Err(error) => {
                let message = error.to_string();
                assert!(!message.contains('\n') && message.chars().count() <= SENTENCE, "not a sentence: {message}");
            }
        }
    }
});

fn run(network: onnx::Network) {
    let [channels, height, width] = [network.channels(), network.height(), network.width()];
    let classes = network.classes();
    assert!((channels == 1 || channels == 3) && height > 0 && width > 0 && classes > 1);
    if network.work() > MOST_WORK {
        return;
    }
    let network = network.freeze();
    for images in [1, 2, 5] {
        let pixels = Tensor::full([images, channels, height, width], 0.5, network.device());
        assert_eq!(network.logits(pixels.clone()).dims(), [images, classes]);
        let slope = network.gradient(pixels, |logits| logits.sum_dim(1).squeeze_dim(1));
        assert_eq!(slope.gradient.dims(), [images, channels, height, width]);
    }
}
