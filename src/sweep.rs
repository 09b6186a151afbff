//! An attack over a data set and a list of networks.

use burn::tensor::Tensor;

use crate::attack::{Attack, Run};
use crate::classifier::{Frozen, Goal};
use crate::error::Error;
use crate::metrics::Measurement;

/// Attacks every image with every network, batch by batch.
///
/// ```
///
/// use burn::tensor::{Device, Tensor};
/// use decoy::attack::Ddn;
/// use decoy::classifier::Frozen;
/// use decoy::metrics::summarise;
/// use decoy::model::CompactConfig;
/// use decoy::sweep::Sweep;
///
/// # pollster::block_on(async {
/// let device = Device::flex();
/// let networks = [0, 1].map(|_| Frozen::new(&CompactConfig { side: 128, classes: 20 }.init(&device)));
/// let (pixels, classes) = (Tensor::full([4, 1, 128, 128], 0.5, &device), vec![3, 0, 7, 7]); // a data set
///
/// let attack = Ddn { steps: 10, ..Ddn::default() };
/// let mut sweep = Sweep::new(&attack, &networks, pixels, classes, 2)?;
/// while let Some(done) = sweep.advance(10).await? {
///     println!("{done} of {}", sweep.total());
/// }
/// for measured in sweep.results() {
///     let summary = summarise(measured);
///     println!("median ‖Δx‖₂ {:?}, {} misread without attack", summary.median_l2.value, summary.clean_errors);
/// }
/// # assert_eq!(sweep.done(), 8);
/// # Ok::<(), decoy::error::Error>(())
/// # }).unwrap();
/// ```
///
/// Nothing runs between two calls of [`advance`](Sweep::advance), so the caller can show progress, cancel, or save the
/// results so far.
pub struct Sweep<'a> {
    attack: &'a dyn Attack,
    models: Vec<&'a Frozen>,
    /// `[N, C, H, W]`, in [0, 1], on the device of the networks.
    pixels: Tensor<4>,
    classes: Vec<usize>,
    batch: usize,
    confidence: f32,
    results: Vec<Vec<Measurement>>,
    run: Option<Run<'a>>,
}

impl<'a> Sweep<'a> {
    /// A sweep of `attack` over `pixels` `[N, C, H, W]` with their true `classes`, `batch` images at a time.
    ///
    /// # Errors
    ///
    /// If there is not one class for each image.
    pub fn new(
        attack: &'a dyn Attack,
        models: impl IntoIterator<Item = &'a Frozen>,
        pixels: Tensor<4>,
        classes: Vec<usize>,
        batch: usize,
    ) -> Result<Self, Error> {
        let [images, ..] = pixels.dims();
        if classes.len() != images {
            return Err(Error::GoalLength { goals: classes.len(), images });
        }
        Ok(Self {
            attack,
            models: models.into_iter().collect(),
            pixels,
            classes,
            batch: batch.max(1),
            confidence: 0.0,
            results: Vec::new(),
            run: None,
        })
    }

    /// The same sweep, where the wrong class must reach at least this probability: see
    /// [`Goal::with_confidence`](crate::classifier::Goal::with_confidence).
    pub fn with_confidence(self, confidence: f32) -> Self {
        Self { confidence, ..self }
    }

    /// Takes up to `steps` steps of the current batch. Returns the number of finished attacks, or `None` when all are
    /// finished.
    ///
    /// # Errors
    ///
    /// If the device fails, a class does not exist, or the confidence is out of range.
    pub async fn advance(&mut self, steps: usize) -> Result<Option<usize>, Error> {
        if self.done() == self.total() {
            return Ok(None);
        }
        let begun = match self.results.last() {
            Some(results) if results.len() < self.classes.len() => results.len(),
            _ => {
                self.results.push(Vec::new());
                0
            }
        };
        let model = self.results.len() - 1;
        let length = self.batch.min(self.classes.len() - begun);
        let classes = &self.classes[begun..begun + length];
        let mut run = match self.run.take() {
            Some(run) => run,
            None => {
                let pixels = self.pixels.clone().narrow(0, begun, length);
                let aim = Goal::Misread(classes.to_vec()).with_confidence(self.confidence)?;
                Run::begin(self.attack, self.models[model], pixels, aim).await?
            }
        };
        if run.advance(steps).await?.is_some() {
            self.run = Some(run);
        } else {
            let outcome = run.finish().await?;
            self.results[model]
                .extend(outcome.images.iter().zip(classes).map(|(image, &class)| Measurement::new(image, class)));
        }
        Ok(Some(self.done()))
    }

    /// The results so far, one list for each network begun.
    pub fn results(&self) -> &[Vec<Measurement>] {
        &self.results
    }

    /// Number of finished attacks.
    pub fn done(&self) -> usize {
        self.results.iter().map(Vec::len).sum()
    }

    /// Number of attacks in all.
    pub fn total(&self) -> usize {
        self.models.len() * self.classes.len()
    }
}
