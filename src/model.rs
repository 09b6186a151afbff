//! The network architectures that Decoy trains. Each takes pixels in [0, 1] and returns logits; where it normalises its
//! input, it does so itself.

pub mod compact;
pub mod efficientnet;
pub mod original;
pub mod residual;
pub mod weights;

pub use compact::{Compact, CompactConfig};
pub use efficientnet::{EfficientNetLite0, EfficientNetLite0Config};
pub use original::{Original, OriginalConfig};
pub use residual::{Residual, ResidualConfig};
