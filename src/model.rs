//! The architectures Decoy ships weights for. Normalisation is inside the model: it sees pixels in
//! [0, 1] and answers with logits.

pub mod compact;
pub mod efficientnet;
pub mod residual;
pub mod weights;

pub use compact::{Compact, CompactConfig};
pub use efficientnet::{EfficientNetLite0, EfficientNetLite0Config};
pub use residual::{Residual, ResidualConfig};
