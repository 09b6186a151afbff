//! The data sets Decoy trains and measures on: found, checked, decoded.
//!
//! Nothing here knows a network: a data set is a list of labelled 8-bit pictures. What is wrong with a copy is an
//! [`Error`] that names the file, what was expected and what was found.

pub mod coil20;
mod error;
pub mod photographs;

pub use error::Error;
