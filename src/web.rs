//! The wasm package: all that JavaScript sees. Plain objects and typed arrays go in and out, so that they can be posted
//! between a page and its worker. Errors are JavaScript `Error`s with a sentence.

#[cfg(feature = "bench")]
mod bench;
mod device;
mod gradient;
mod objects;
#[cfg(not(webgpu))]
mod threads;
#[cfg(webgpu)]
mod webgpu;
#[cfg(not(webgpu))]
#[path = "web/without_webgpu.rs"]
mod webgpu;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use burn::tensor::Tensor;
use js_sys::{Function, Uint8Array};
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;
use web_time::Instant;

use crate::attack::{self, Outcome};
use crate::catalog::{Catalog, Family, Own, OwnOptions};
use crate::certify::{Certificate, Certification, CertifyOptions, Smoothed, Smoothing};
use crate::classifier::{Frozen, Input};
use crate::error::Error;
use crate::metrics::summarise;
use crate::onnx;
use crate::photo::{self, Crop, Photo};
use crate::report::{AttackProgress, AttackReport, Prediction, SweepPoint, SweepProgress, SweepReport};
use crate::sweep::Sweep;
use crate::tensors::read;
use device::{ActiveDevice, DeviceReport};
use objects::{AttackInfos, AttackResult, Picture, Predictions, aborted};

#[cfg(webgpu)]
unsafe extern "C" {
    /// Runs the module's static constructors, of which CubeCL has thousands.
    safe fn __wasm_call_ctors();
}

/// Called once, and by every thread. Without the call of the static constructors, the linker makes every exported
/// function run all of them again.
#[wasm_bindgen(start)]
fn start() {
    #[cfg(webgpu)]
    __wasm_call_ctors();
    console_error_panic_hook::set_once();
}

/// Time in ms that the device may work before the worker reads its messages and reports its progress.
const SLICE_MILLISECONDS: f64 = 60.0;

/// Shortest time between two reports of the best picture so far while an attack runs.
const SHOWING_INTERVAL: Duration = Duration::from_millis(500);

/// The most steps of an attack between two reads of the worker's messages.
const STEPS_AT_ONCE: usize = 10;

/// The most pixel values in one batch of votes for a certificate: as many as in a sweep of photographs.
const VOTED_AT_ONCE: usize = SWEEP_BATCH * 3 * 224 * 224;

/// Images attacked at once in a sweep. The largest layer of any network needs 40 million operations an image, so 0.3 G
/// for a batch. A GPU with 0.2 TFLOP/s needs 2 ms for this, and 0.2 s at 1 % of that speed. Windows stops a GPU task
/// after 2 s.
const SWEEP_BATCH: usize = 8;

/// A session on one device, with the networks it has loaded.
///
/// ```js
/// import init, { Decoy } from "burn-decoy";
/// await init({ module_or_path: "decoy_bg.wasm" });
/// const decoy = await Decoy.create(await (await fetch("models/models.json")).text(), "auto");
/// const [model] = decoy.catalog().families[0].models;
/// await decoy.loadModel(model.id, new Uint8Array(await (await fetch("models/" + model.file)).arrayBuffer()));
/// const picture = decoy.decode("coil20", new Uint8Array(await file.arrayBuffer()));
/// const { report, adversarial } = await decoy.attack(model.id, picture, { attack: "ddn" });
/// ```
#[wasm_bindgen]
pub struct Decoy {
    catalog: Catalog,
    device: RefCell<ActiveDevice>,
    networks: RefCell<HashMap<String, Frozen>>,
}

#[wasm_bindgen]
impl Decoy {
    /// Reads the catalogue (the text of `models.json`) and opens the device: `"webgpu"`, `"cpu"`, or `"auto"` for
    /// WebGPU unless it is emulated. Without WebGPU the CPU is used, and `device().notice` says so. If a GPU fails
    /// later, the current calls reject with `the device failed: …`; a session on `"cpu"` is not affected.
    pub async fn create(
        catalog: String,
        #[wasm_bindgen(unchecked_param_type = "\"auto\" | \"webgpu\" | \"cpu\"")] device: String,
    ) -> Result<Decoy, JsError> {
        Ok(Decoy {
            catalog: Catalog::parse(&catalog)?,
            device: RefCell::new(ActiveDevice::open(&device).await?),
            networks: RefCell::default(),
        })
    }

    /// The device on which the tensors are.
    pub fn device(&self) -> Result<Ts<DeviceReport>, JsError> {
        Ok(self.device.borrow().report.into_ts()?)
    }

    /// All families and models.
    pub fn catalog(&self) -> Result<Ts<Catalog>, JsError> {
        Ok(self.catalog.into_ts()?)
    }

    /// Describes the network in an ONNX file or a safetensors file as a family of its own; `name` is the file's name
    /// for users. A session whose catalogue contains this family can load the file like any weights.
    /// It is run on two images, whose answers must not depend on each other.
    #[wasm_bindgen(js_name = readNetwork)]
    pub async fn read_network(
        &self,
        name: String,
        bytes: Vec<u8>,
        options: Ts<OwnOptions>,
    ) -> Result<Ts<Own>, JsError> {
        let (own, network) = self.catalog.own(&name, &bytes, &options.to_rust()?, &ActiveDevice::cpu().device)?;
        drop(bytes);
        network.check_independent(own.family.input).await?;
        Ok(own.into_ts()?)
    }

    /// An ONNX file with the other `files` that hold its weights, as one file. `names` are their names.
    #[wasm_bindgen(js_name = joinNetwork)]
    pub fn join_network(&self, bytes: &[u8], names: Vec<String>, files: Vec<Uint8Array>) -> Result<Vec<u8>, JsError> {
        let files: HashMap<String, Vec<u8>> = names.into_iter().zip(files.iter().map(Uint8Array::to_vec)).collect();
        // A browser gives files without their folders.
        let find = |path: &str| path.rsplit('/').next().and_then(|name| files.get(name)).map(|bytes| &**bytes);
        Ok(onnx::join(bytes, find)?)
    }

    /// All attacks, with their parameters.
    pub fn attacks(&self) -> Result<AttackInfos, JsError> {
        objects::list(&attack::menu())
    }

    /// Loads a network from the bytes of its weights file. Length and checksum must be those in the catalogue. On
    /// WebGPU, a step on the first network is compared with the CPU: if the results differ, or with `"auto"` if it
    /// takes more than twice as long, the CPU is used from then on.
    #[wasm_bindgen(js_name = loadModel)]
    pub async fn load_model(&self, id: String, weights: Vec<u8>) -> Result<(), JsError> {
        let (family, entry) = self.catalog.model(&id)?;
        let device = self.device.borrow().clone();
        let mut network = family.load(entry, &weights, &device.device)?;
        if device.unchecked() {
            let reference = family.load(entry, &weights, &ActiveDevice::cpu().device)?;
            let checked = device.check(&network, &reference, family.input).await?;
            if !checked.is_webgpu() {
                network = reference;
            }
            *self.device.borrow_mut() = checked;
        }
        self.networks.borrow_mut().insert(id, network);
        Ok(())
    }

    /// Whether a network is loaded.
    #[wasm_bindgen(js_name = hasModel)]
    pub fn has_model(&self, id: &str) -> bool {
        self.networks.borrow().contains_key(id)
    }

    /// A picture file (PNG, JPEG, WebP, GIF, BMP) as the networks of a family see it: turned upright, cropped to the
    /// middle part that they were trained on, resized, and grey if they take grey pictures.
    pub fn decode(&self, family: &str, bytes: &[u8]) -> Result<Picture, JsError> {
        let family = self.catalog.family(family)?;
        let source = photo::open(bytes).map_err(Error::from)?;
        seen(family, &source, source.default_crop(family.crop, family.input.height, family.input.width))
    }

    /// Whether the browser should decode a picture file instead of `open`. Rejects files that neither should decode.
    #[wasm_bindgen(js_name = isForBrowser)]
    pub fn is_for_browser(&self, bytes: &[u8]) -> Result<bool, JsError> {
        Ok(photo::is_for_browser(bytes).map_err(Error::from)?)
    }

    /// A picture that the browser has decoded and turned upright: RGBA values of `width`×`height` pixels. In the file
    /// it has `whole_width`×`whole_height` pixels.
    #[wasm_bindgen(js_name = openPixels)]
    pub fn open_pixels(
        &self,
        rgba: Vec<u8>,
        width: u32,
        height: u32,
        whole_width: u32,
        whole_height: u32,
    ) -> Result<Source, JsError> {
        let source = photo::Source::from_rgba(rgba, (width, height), (whole_width, whole_height));
        Ok(Source(source.map_err(Error::from)?))
    }

    /// Opens a picture file (PNG, JPEG, WebP, GIF, BMP), so that parts of it can be cropped.
    pub fn open(&self, bytes: &[u8]) -> Result<Source, JsError> {
        Ok(Source(photo::open(bytes).map_err(Error::from)?))
    }

    /// The part `crop` of a picture as the networks of a family see it.
    pub fn crop(&self, family: &str, source: &Source, crop: Ts<Crop>) -> Result<Picture, JsError> {
        seen(self.catalog.family(family)?, &source.0, crop.to_rust()?)
    }

    /// The network's answer for a picture: all classes, the most probable first.
    pub async fn predict(&self, model: String, picture: Picture) -> Result<Predictions, JsError> {
        let (family, network) = self.network(&model)?;
        let answer = self.watched(network.predict(self.pixels(family, &[picture])?)).await?.remove(0);
        objects::list(&Prediction::top(&answer, &family.labels, family.labels.len()))
    }

    /// Changes a picture until the network misreads it. `onProgress` is called a few times a second. Once an
    /// adversarial picture is found, it may return `false` to stop with that result. An aborted `signal` rejects with
    /// an `AbortError`. With `smoothing`, the network is the one that votes under noise, as `certify` certifies it.
    pub async fn attack(
        &self,
        model: String,
        picture: Picture,
        options: objects::AttackOptions,
        #[wasm_bindgen(js_name = onProgress, unchecked_optional_param_type = "(progress: LiveProgress) => boolean | void")]
        on_progress: Option<Function>,
        #[wasm_bindgen(unchecked_optional_param_type = "AbortSignal")] signal: Option<AbortSignal>,
        #[wasm_bindgen(unchecked_optional_param_type = "Smoothing")] smoothing: Option<Ts<Smoothing>>,
    ) -> Result<AttackResult, JsValue> {
        let began = Instant::now();
        let options = options.to_rust()?;
        let (family, mut network) = self.network(&model)?;
        if let Some(smoothing) = smoothing {
            let Input { channels, height, width } = family.input;
            let smoothing = smoothing.to_rust().map_err(JsError::from)?;
            network = Smoothed::of(network, [channels, height, width], smoothing, 0).map_err(JsError::from)?;
        }
        let attack = attack::build(&options).map_err(JsError::from)?;
        let pixels = self.pixels(family, &[picture])?;
        let aim = options.aim(family).map_err(JsError::from)?;
        let begun = options.begin(&*attack, &network, pixels.clone(), aim);
        let mut run = self.watched(begun).await.map_err(JsError::from)?;
        let pace = Pace::new(STEPS_AT_ONCE);
        let mut shown = Shown { norm: f32::INFINITY, at: began };
        while let Some(progress) = self.watched(run.advance(pace.steps())).await.map_err(JsError::from)? {
            let image = progress.images[0];
            let best = match image.norm {
                Some(norm) if shown.is_due(norm) => {
                    Some(to_photo(family, &self.watched(read(run.best())).await.map_err(JsError::from)?)?)
                }
                _ => None,
            };
            let progress = AttackProgress {
                step: progress.step,
                steps: progress.steps,
                probability: image.probability,
                norm: run.norm(),
                size: image.norm,
                found: image.norm.is_some(),
                milliseconds: milliseconds(began),
            };
            let enough = pace.pause(on_progress.as_ref(), &objects::live_progress(&progress, best.as_ref())?).await?;
            if aborted(signal.as_ref()) {
                return Err(objects::abort_error());
            }
            if enough && image.norm.is_some() {
                break;
            }
        }
        let outcome = self.watched(run.finish()).await.map_err(JsError::from)?;
        let report = AttackReport::new(&model, family, &options, &outcome, 0, milliseconds(began));
        Ok(self.result(family, report, outcome, pixels).await?)
    }

    /// The certificate of a picture, by votes under noise: see `CertifyOptions`. `onProgress` is called a few times a
    /// second. An aborted `signal` rejects with an `AbortError`.
    pub async fn certify(
        &self,
        model: String,
        picture: Picture,
        options: Ts<CertifyOptions>,
        #[wasm_bindgen(js_name = onProgress, unchecked_optional_param_type = "(progress: VotingProgress) => void")]
        on_progress: Option<Function>,
        #[wasm_bindgen(unchecked_optional_param_type = "AbortSignal")] signal: Option<AbortSignal>,
    ) -> Result<Ts<Certificate>, JsValue> {
        let options = options.to_rust().map_err(JsError::from)?;
        let (family, network) = self.network(&model)?;
        let begun = Certification::begin(&network, self.pixels(family, &[picture])?, options);
        let mut certification = self.watched(begun).await.map_err(JsError::from)?;
        let input = family.input;
        let pace = Pace::new((VOTED_AT_ONCE / (input.channels * input.height * input.width)).max(1));
        while let Some(progress) = self.watched(certification.advance(pace.steps())).await.map_err(JsError::from)? {
            let progress = progress.into_ts().map_err(JsError::from)?.into();
            pace.pause(on_progress.as_ref(), &progress).await?;
            if aborted(signal.as_ref()) {
                return Err(objects::abort_error());
            }
        }
        Ok(certification.finish().into_ts().map_err(JsError::from)?)
    }

    /// Attacks every picture with every model, for the chart. `classes` are the true classes. An aborted `signal`
    /// resolves with the results so far.
    #[allow(clippy::too_many_arguments)] // this is the signature for JavaScript
    pub async fn sweep(
        &self,
        models: Vec<String>,
        pictures: Vec<Picture>,
        classes: Vec<u32>,
        options: objects::AttackOptions,
        #[wasm_bindgen(js_name = onProgress, unchecked_optional_param_type = "(progress: SweepProgress) => void")]
        on_progress: Option<Function>,
        #[wasm_bindgen(unchecked_optional_param_type = "AbortSignal")] signal: Option<AbortSignal>,
    ) -> Result<Ts<SweepReport>, JsValue> {
        let began = Instant::now();
        let options = options.to_rust()?;
        let attack = attack::build(&options).map_err(JsError::from)?;
        let networks = models.iter().map(|model| Ok(self.network(model)?.1)).collect::<Result<Vec<_>, JsError>>()?;
        let Some(first) = models.first() else {
            return Err(JsError::new("a sweep needs at least one model").into());
        };
        if pictures.is_empty() {
            return Err(JsError::new("a sweep needs at least one picture").into());
        }
        let pixels = self.pixels(self.network(first)?.0, &pictures)?;
        let classes = classes.into_iter().map(|class| class as usize).collect();
        let sweep = Sweep::new(&*attack, &networks, pixels, classes, SWEEP_BATCH).map_err(JsError::from)?;
        let mut sweep = sweep.with_confidence(options.confidence());
        let pace = Pace::new(STEPS_AT_ONCE);
        let mut cancelled = false;
        let mut told = usize::MAX;
        while let Some(done) = self.watched(sweep.advance(pace.steps())).await.map_err(JsError::from)? {
            let tell = on_progress.as_ref().filter(|_| done != told);
            let progress = match tell {
                None => JsValue::UNDEFINED,
                Some(_) => SweepProgress {
                    done,
                    total: sweep.total(),
                    milliseconds: milliseconds(began),
                    points: self.points(&models, &sweep)?,
                }
                .into_ts()
                .map_err(JsError::from)?
                .into(),
            };
            pace.pause(tell, &progress).await?;
            told = done;
            if aborted(signal.as_ref()) {
                cancelled = true;
                break;
            }
        }
        let report =
            SweepReport { points: self.points(&models, &sweep)?, cancelled, milliseconds: milliseconds(began) };
        Ok(report.into_ts().map_err(JsError::from)?)
    }
}

impl Decoy {
    /// Awaits `work` on the device, and reports a failure of the GPU.
    async fn watched<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let device = self.device.borrow().clone();
        device.watched(webgpu::WORKING, work).await
    }

    fn network(&self, id: &str) -> Result<(&Family, Frozen), JsError> {
        let (family, _) = self.catalog.model(id)?;
        let network = self.networks.borrow().get(id).cloned();
        let network = network.ok_or_else(|| JsError::new(&format!("the weights of {id} are not loaded yet")))?;
        Ok((family, network))
    }

    /// Pictures as a batch `[N, C, H, W]` on the device.
    fn pixels(&self, family: &Family, pictures: &[Picture]) -> Result<Tensor<4>, JsError> {
        let photos: Result<Vec<_>, _> = pictures.iter().map(|picture| objects::photo(picture, family.input)).collect();
        Ok(photo::batch(&photos?, &self.device.borrow().device))
    }

    fn points(&self, models: &[String], sweep: &Sweep) -> Result<Vec<SweepPoint>, JsError> {
        let points = models.iter().zip(sweep.results()).filter(|(_, results)| !results.is_empty());
        points
            .map(|(model, results)| {
                let sigma = self.catalog.model(model)?.1.sigma;
                Ok(SweepPoint { model: model.clone(), sigma, summary: summarise(results) })
            })
            .collect()
    }

    async fn result(
        &self,
        family: &Family,
        report: AttackReport,
        outcome: Outcome,
        original: Tensor<4>,
    ) -> Result<AttackResult, JsError> {
        let original = self.watched(read(original)).await?;
        let adversarial = self.watched(read(outcome.eight_bit)).await?;
        let input = family.input;
        let shape = [input.channels, input.height, input.width];
        let (difference, factor) = Photo::difference(&original, &adversarial, shape).map_err(Error::from)?;
        let image = &outcome.images[0];
        objects::AttackParts {
            report,
            original_predictions: Prediction::top(&image.original, &family.labels, 5),
            adversarial_predictions: Prediction::top(&image.eight_bit.adversarial, &family.labels, 5),
            adversarial: to_photo(family, &adversarial)?,
            difference,
            factor,
        }
        .into_js()
    }
}

/// The best picture that was shown last while an attack runs.
struct Shown {
    norm: f32,
    at: Instant,
}

impl Shown {
    /// Whether a better picture with this `norm` is to be shown now. If so, it is recorded as shown.
    fn is_due(&mut self, norm: f32) -> bool {
        let due = norm < self.norm && (self.norm.is_infinite() || self.at.elapsed() > SHOWING_INTERVAL);
        if due {
            *self = Self { norm, at: Instant::now() };
        }
        due
    }
}

/// An open picture file, turned upright. It stays in the module's memory until it is freed.
#[wasm_bindgen]
pub struct Source(photo::Source);

#[wasm_bindgen]
impl Source {
    /// Its width in pixels.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.0.width()
    }

    /// Its height in pixels.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.0.height()
    }

    /// The whole picture, with a longer side of at most `side` pixels.
    pub fn preview(&self, side: u32) -> Picture {
        objects::picture(&self.0.preview(side))
    }
}

/// The part `crop` of a picture as the networks of a family see it.
fn seen(family: &Family, source: &photo::Source, crop: Crop) -> Result<Picture, JsError> {
    let input = family.input;
    Ok(objects::picture(&source.crop(crop, input.channels, input.height, input.width).map_err(Error::from)?))
}

/// Values in [0, 1], `[C, H, W]`, as a photo in 256 shades.
fn to_photo(family: &Family, values: &[f32]) -> Result<Photo, JsError> {
    let input = family.input;
    Ok(Photo::from_unit(values, input.channels, input.height, input.width).map_err(Error::from)?)
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// Finds the number of steps that fit between two reads of the worker's messages.
struct Pace {
    steps: Cell<usize>,
    most: usize,
    since: Cell<Instant>,
}

impl Pace {
    /// Begins with one step, and never uses more than `most`.
    fn new(most: usize) -> Self {
        Self { steps: Cell::new(1), most, since: Cell::new(Instant::now()) }
    }

    fn steps(&self) -> usize {
        self.steps.get()
    }

    /// Reports `progress`, lets the worker read its messages, and adapts the number of steps to the time they took.
    /// Returns `true` if the callback answered `false`, which means stop.
    async fn pause(&self, on_progress: Option<&Function>, progress: &JsValue) -> Result<bool, JsValue> {
        let taken = milliseconds(self.since.get());
        let fitting = self.steps() as f64 * SLICE_MILLISECONDS / taken.max(1.0);
        self.steps.set(fitting.clamp(1.0, self.most as f64) as usize);
        let enough = match on_progress {
            Some(on_progress) => on_progress.call1(&JsValue::NULL, progress)? == JsValue::FALSE,
            None => false,
        };
        gloo_timers::future::TimeoutFuture::new(0).await;
        self.since.set(Instant::now());
        Ok(enough)
    }
}
