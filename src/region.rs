//! The part of an image that may change.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The pixels of an image that may change: a [`Rectangle`], or any other set.
///
/// ```
/// use decoy::classifier::Goal;
/// use decoy::region::Region;
///
/// // A sticker: the sixteen pixels in the middle of an image of 28×28, for an image that shows a 7.
/// let sticker = Region::of("12,12,4,4".parse()?, 28, 28)?;
/// let aim = Goal::Misread(vec![7]).inside(sticker);
/// # Ok::<(), decoy::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    height: usize,
    width: usize,
    /// Row by row; `true` where a pixel may change.
    inside: Vec<bool>,
}

impl Region {
    /// The region of an image of `height`×`width` in which `inside` is `true`, row by row.
    ///
    /// # Errors
    ///
    /// If the length of `inside` is not `height` · `width`, or no pixel is `true`.
    pub fn new(inside: Vec<bool>, height: usize, width: usize) -> Result<Self, Error> {
        let wrong = |expected: String, found: String| Error::Region { expected, found };
        if inside.len() != height * width {
            return Err(wrong(format!("{} pixels", height * width), format!("{} pixels", inside.len())));
        }
        if !inside.contains(&true) {
            return Err(wrong("at least one pixel that may change".to_owned(), "none".to_owned()));
        }
        Ok(Self { height, width, inside })
    }

    /// A rectangle of an image of `height`×`width`.
    ///
    /// # Errors
    ///
    /// If the rectangle has no pixel, or goes beyond the image.
    pub fn of(part: Rectangle, height: usize, width: usize) -> Result<Self, Error> {
        let Rectangle { left, top, .. } = part;
        let fits = |begin: usize, length: usize, whole: usize| length > 0 && begin < whole && length <= whole - begin;
        if !fits(left, part.width, width) || !fits(top, part.height, height) {
            let expected = format!("a rectangle of at least one pixel within {width}×{height}");
            return Err(Error::Region { expected, found: part.to_string() });
        }
        let inside =
            |y: usize, x: usize| (top..top + part.height).contains(&y) && (left..left + part.width).contains(&x);
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| inside(y, x)));
        Self::new(pixels.collect(), height, width)
    }

    /// The mask on `device`, `[1, 1, H, W]`: 1 where a pixel may change, else 0. It is for images of shape `[N, C, H,
    /// W]`.
    ///
    /// # Errors
    ///
    /// If H and W differ from the region's image.
    pub(crate) fn mask(&self, [_, _, height, width]: [usize; 4], device: &Device) -> Result<Tensor<4>, Error> {
        if (self.height, self.width) != (height, width) {
            let size = |height: usize, width: usize| format!("a region of an image of {width}×{height}");
            return Err(Error::Region { expected: size(height, width), found: size(self.height, self.width) });
        }
        let values: Vec<f32> = self.inside.iter().map(|&inside| f32::from(u8::from(inside))).collect();
        Ok(Tensor::from_data(TensorData::new(values, [1, 1, height, width]), device))
    }
}

/// A rectangle of an image, in pixels; written `LEFT,TOP,WIDTH,HEIGHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rectangle {
    /// Number of columns to the left of it.
    pub left: usize,
    /// Number of rows above it.
    pub top: usize,
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl FromStr for Rectangle {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers: Option<Vec<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[left, top, width, height]) => Ok(Self { left, top, width, height }),
            _ => Err(Error::Region {
                expected: "LEFT,TOP,WIDTH,HEIGHT in whole pixels, such as 40,0,32,32".to_owned(),
                found: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Rectangle {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl fmt::Display for Rectangle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, top, width, height } = self;
        write!(f, "{left},{top},{width},{height}")
    }
}

impl From<Rectangle> for String {
    fn from(rectangle: Rectangle) -> Self {
        rectangle.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Region, Error> {
        Region::of(text.parse()?, 3, 4)
    }

    #[test]
    fn a_rectangle_has_its_pixels() {
        let region = of("1,0,2,2").expect("it fits");
        let mask = region.mask([5, 3, 3, 4], &Device::flex()).expect("the image has this size");
        assert_eq!(mask.dims(), [1, 1, 3, 4]);
        let values = mask.into_data().try_to_vec::<f32>().expect("floats");
        assert_eq!(values, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(region.mask([1, 1, 4, 3], &Device::flex()).is_err());
    }

    #[test]
    fn what_is_no_part_of_the_image_is_refused() {
        for text in ["", "1,1,1", "0,0,0,1", "4,0,1,1", "0,0,5,1", "0,2,1,2", "0,-1,1,1", "18446744073709551615,0,1,1"]
        {
            let error = of(text).expect_err(text).to_string();
            assert!(error.contains("expected"), "{error}");
        }
        assert!(Region::new(vec![false; 12], 3, 4).is_err());
        assert!(Region::new(vec![true; 11], 3, 4).is_err());
    }

    #[test]
    fn a_rectangle_is_read_as_it_is_written() {
        let rectangle: Rectangle = "40,0,32,16".parse().expect("it is well formed");
        let json = serde_json::to_string(&rectangle).expect("it is plain");
        assert_eq!(json, "\"40,0,32,16\"");
        assert_eq!(serde_json::from_str::<Rectangle>(&json).expect("it was written so"), rectangle);
    }
}
