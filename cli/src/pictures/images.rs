//! Images of one size, in memory.

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use decoy::classifier::Input;
use decoy::photo::{self, Photo};
use decoy_data::{About, Content, Picture};

use super::Skipped;

/// Images of one size and their classes. Pixels have 8 bits, so that large data sets fit into memory.
pub struct Images {
    /// The size of each image.
    pub input: Input,
    /// Pixels 0 to 255, `[N, C, H, W]`, row-major.
    levels: Vec<u8>,
    /// Class indices, `[N]`.
    pub classes: Vec<usize>,
    /// Names of the images in the data set, `[N]`.
    pub names: Vec<String>,
    /// The files of the data set that could not be read.
    pub skipped: Skipped,
}

impl Images {
    /// An empty set of images of this size.
    pub fn new(input: Input) -> Self {
        Self { input, levels: Vec::new(), classes: Vec::new(), names: Vec::new(), skipped: Skipped::default() }
    }

    /// Pictures of a data set at the networks' input size. Picture files are cropped to the middle.
    pub fn of<'a>(about: &About, pictures: impl IntoIterator<Item = &'a Picture>) -> Result<Self> {
        let input = input(about);
        let mut images = Self::new(input);
        for Picture { name, class, content, .. } in pictures {
            match content {
                Content::Pixels(levels) => images.add(levels, *class, name),
                Content::File(bytes) => {
                    let photo = open_middle(bytes, input, about.crop).with_context(|| name.clone())?;
                    images.add(&photo.levels(), *class, name);
                }
            }
        }
        Ok(images)
    }

    /// Adds an image, `[C, H, W]`, row-major.
    pub fn add(&mut self, levels: &[u8], class: usize, name: &str) {
        self.levels.extend_from_slice(levels);
        self.classes.push(class);
        self.names.push(name.to_owned());
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// The pixels of all images, `[N, C, H, W]`, in [0, 1].
    pub fn all(&self, device: &Device) -> Tensor<4> {
        self.pixels(0..self.len(), device)
    }

    /// The pixels of the images at `indices`, in that order, `[N, C, H, W]`, in [0, 1].
    pub fn pixels(&self, indices: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<4> {
        let Input { channels, height, width } = self.input;
        let values = indices.into_iter().flat_map(|index| self.levels(index)).map(|&level| f32::from(level) / 255.0);
        let values: Vec<f32> = values.collect();
        let shape = [values.len() / (channels * height * width), channels, height, width];
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The pixels of `count` images at a time, `[N, C, H, W]`, with their classes.
    pub fn batches(&self, count: usize, device: &Device) -> impl Iterator<Item = (Tensor<4>, &[usize])> {
        let classes = self.classes.chunks(count).zip((0..).step_by(count));
        classes.map(move |(classes, first)| (self.pixels(first..first + classes.len(), device), classes))
    }

    /// The images at `indices`, in that order.
    pub fn pick(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut picked = Self::new(self.input);
        for index in indices {
            picked.add(self.levels(index), self.classes[index], &self.names[index]);
        }
        picked
    }

    /// `count` images, at least 1, evenly spread; all if there are fewer.
    pub fn sample(&self, count: usize) -> Self {
        let count = count.min(self.len());
        self.pick((0..count).map(|index| index * self.len() / count))
    }

    /// The 8-bit pixels of an image, `[C, H, W]`.
    fn levels(&self, index: usize) -> &[u8] {
        let Input { channels, height, width } = self.input;
        let size = channels * height * width;
        &self.levels[index * size..][..size]
    }
}

/// The input size of the networks of a data set.
pub fn input(about: &About) -> Input {
    Input { channels: about.channels, height: about.height, width: about.width }
}

/// A picture file at the size `input`, cropped to the middle square with this `share` of the shorter side.
pub(super) fn open_middle(bytes: &[u8], input: Input, share: f64) -> Result<Photo> {
    let Input { channels, height, width } = input;
    let source = photo::open(bytes)?;
    Ok(source.crop(source.default_crop(share, height, width), channels, height, width)?)
}

#[cfg(test)]
mod tests {
    use decoy_data::{Cifar10, DataSet, Split};

    use super::*;

    fn picture(class: usize, content: Content) -> Picture {
        Picture { name: class.to_string(), class, split: Split::Test, content }
    }

    fn values(images: &Images, indices: impl IntoIterator<Item = usize>) -> Vec<f32> {
        images.pixels(indices, &Device::flex()).into_data().try_to_vec().expect("they are floats")
    }

    #[test]
    fn pixels_and_files_become_the_same_tensors() {
        // Red, green and blue differ, and so do the four quarters of the picture.
        let level = |channel: usize, y: usize, x: usize| (50 * channel + 20 * (y / 16) + 10 * (x / 16)) as u8;
        let places = || (0..32).flat_map(|y| (0..32).map(move |x| (y, x)));
        let planes: Vec<u8> = (0..3).flat_map(|c| places().map(move |(y, x)| level(c, y, x))).collect();
        let rgba: Vec<u8> = places().flat_map(|(y, x)| [level(0, y, x), level(1, y, x), level(2, y, x), 255]).collect();
        let file = Photo::from_rgba(&rgba, 3, 32, 32).expect("it is a picture").png();

        let pictures = [picture(3, Content::Pixels(planes.clone())), picture(7, Content::File(file))];
        let images = Images::of(Cifar10.about(), &pictures).expect("both are pictures");
        let expected: Vec<f32> = planes.iter().map(|&level| f32::from(level) / 255.0).collect();
        assert_eq!(images.all(&Device::flex()).dims(), [2, 3, 32, 32]);
        assert_eq!((values(&images, [0]), values(&images, [1])), (expected.clone(), expected));
        assert_eq!((&*images.classes, &*images.names), (&[3, 7][..], &["3".to_owned(), "7".to_owned()][..]));
    }

    #[test]
    fn a_sample_is_spread_evenly() {
        let pictures = (0..10).map(|class| picture(class, Content::Pixels(vec![class as u8; 3 * 32 * 32])));
        let images = Images::of(Cifar10.about(), &pictures.collect::<Vec<_>>()).expect("they are pictures");
        let sample = images.sample(4);
        assert_eq!(sample.classes, [0, 2, 5, 7]);
        assert_eq!(values(&sample, 0..4)[2 * 3 * 32 * 32], 5.0 / 255.0);
        assert_eq!(images.sample(99).len(), 10);
    }
}
