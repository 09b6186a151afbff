//! The errors of the library, divided by who can correct them.

/// An error of the library. Every message says what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A class index that the network does not have.
    #[error("class {class} does not exist: the network has {classes} classes, 0 to {}", classes - 1)]
    NoSuchClass {
        /// The index asked for.
        class: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A goal with more or fewer classes than there are images.
    #[error("the goal names {goals} classes for {images} images: one each is expected")]
    GoalLength {
        /// Classes named.
        goals: usize,
        /// Images given.
        images: usize,
    },
    /// An unknown name.
    #[error("there is no {what} named “{found}”: expected one of {expected}")]
    Unknown {
        /// What was looked for: a model, a label, an attack.
        what: &'static str,
        /// The name given.
        found: String,
        /// The names there are.
        expected: String,
    },
    /// A parameter outside its range.
    #[error("{name} is {found}: expected {expected}")]
    Parameter {
        /// The parameter.
        name: String,
        /// The range it must be in.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A target for an attack that cannot aim at a class.
    #[error("{attack} cannot aim at a class: expected no target, or another attack")]
    Untargeted {
        /// The attack.
        attack: &'static str,
    },
    /// A target that the network already reads.
    #[error("the network sees “{label}” already: expected another target")]
    AlreadyRead {
        /// The target.
        label: String,
    },
    /// A region that does not fit the images.
    #[error("the region that may change: expected {expected}, found {found}")]
    Region {
        /// What a valid region would be.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A network with too few classes for an attack.
    #[error("{attack} needs at least {expected} classes: the network has {found}")]
    TooFewClasses {
        /// The attack.
        attack: &'static str,
        /// How many it needs.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The catalogue of models cannot be read.
    #[error("the catalogue of models cannot be read: {0}")]
    Catalog(#[from] serde_json::Error),
    /// A weights file that is not the one the catalogue describes.
    #[error("the weights of {model}: expected {expected}, found {found}")]
    Weights {
        /// The model they are for.
        model: String,
        /// What the catalogue or the network expects.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A file that is not valid ONNX, or whose network cannot be attacked. The text says what was expected and what can
    /// be done.
    #[error("the ONNX network cannot be used: {0}")]
    Onnx(String),
    /// A file of class names that does not fit a network.
    #[error("the labels cannot be used: {0}")]
    Labels(String),
    /// A picture that cannot be used.
    #[error(transparent)]
    Photo(#[from] crate::photo::PhotoError),
    /// The network's answer for an image depends on the images beside it.
    #[error(
        "the network's answer for a picture depends on the pictures beside it, or on chance: expected a network that is \
         exported for inference"
    )]
    Dependent,
    /// The network answered with an infinite logit or one that is not a number.
    #[error("the network's answer is not a finite number")]
    NotFinite,
    /// The device ran out of memory, was lost, or failed in another way.
    #[error("the device failed: {0}")]
    Device(String),
}
