//! Sample pictures that come with the program, so that a model can be tried without a picture at hand.
//!
//! All are drawn by the scripts in `assets/samples/`; none is from a data set.

use std::path::Path;

use super::{Picture, decode};
use crate::Result;

/// A picture that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The bundled model that it is for.
    pub model: &'static str,
    /// What it shows: the name of one of the model's classes.
    pub class: &'static str,
    /// The PNG file.
    pub bytes: &'static [u8],
}

impl Sample {
    /// A file name for it, such as `digits/7.png`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}.png", self.model, self.class)
    }

    /// The picture, in its own size.
    ///
    /// # Errors
    /// None that a test of this crate would not have found.
    pub fn picture(&self) -> Result<Picture> {
        Ok(decode(self.bytes, Path::new(&self.name()))?.picture)
    }
}

/// The sample of one class of one model, by the name of its file.
macro_rules! sample {
    ($model:literal, $class:literal) => {
        Sample {
            model: $model,
            class: $class,
            bytes: include_bytes!(concat!("../../assets/samples/", $model, "/", $class, ".png")),
        }
    };
}

/// All sample pictures, a model's together and in the order of its classes.
pub static SAMPLES: [Sample; 20] = [
    sample!("cifar10", "airplane"),
    sample!("cifar10", "automobile"),
    sample!("cifar10", "bird"),
    sample!("cifar10", "cat"),
    sample!("cifar10", "deer"),
    sample!("cifar10", "dog"),
    sample!("cifar10", "frog"),
    sample!("cifar10", "horse"),
    sample!("cifar10", "ship"),
    sample!("cifar10", "truck"),
    sample!("digits", "0"),
    sample!("digits", "1"),
    sample!("digits", "2"),
    sample!("digits", "3"),
    sample!("digits", "4"),
    sample!("digits", "5"),
    sample!("digits", "6"),
    sample!("digits", "7"),
    sample!("digits", "8"),
    sample!("digits", "9"),
];

/// The sample pictures for a model, of which another training is called `MODEL-…`; none for a model that is not bundled. The
/// colour pictures serve the models for photographs as well.
pub fn samples(model: &str) -> impl Iterator<Item = &'static Sample> {
    let first = model.split('-').next().unwrap_or_default();
    let kind = if model == "photographs" || model == "tiny-imagenet" { "cifar10" } else { first };
    SAMPLES.iter().filter(move |sample| sample.model == kind)
}

/// The sample picture of this name, such as `digits/7` or `digits/7.png`.
#[must_use]
pub fn sample(name: &str) -> Option<&'static Sample> {
    let (model, class) = name.strip_suffix(".png").unwrap_or(name).split_once('/')?;
    SAMPLES.iter().find(|sample| sample.model == model && sample.class == class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Fit, Shape, channels, fit};

    #[test]
    fn every_sample_is_a_small_square_picture() {
        for sample in &SAMPLES {
            let picture = sample.picture().expect("a picture");
            let Shape { height, width, .. } = picture.shape();
            assert!(height == width && height >= 256, "{}: {}", sample.name(), picture.shape());
            assert!(sample.bytes.len() < 60_000, "{}: {} bytes", sample.name(), sample.bytes.len());
        }
        assert_eq!((samples("digits").count(), samples("cifar10").count()), (10, 10));
        for other in ["cifar10-robust", "photographs", "tiny-imagenet"] {
            assert!(samples(other).map(Sample::name).eq(samples("cifar10").map(Sample::name)));
        }
        assert_eq!(samples("unheard of").count(), 0);
        assert!(SAMPLES.iter().all(|s| std::ptr::eq(sample(&s.name()).expect("itself"), s)));
        assert_eq!(sample("digits/7").map(Sample::name), Some("digits/7.png".to_owned()));
        assert!(sample("digits").is_none() && sample("digits/seven").is_none());
    }

    /// The proportions of the training pictures: see `assets/samples/draw_digits.py`.
    #[test]
    fn digits_lie_as_the_model_was_trained() {
        for sample in samples("digits") {
            let small =
                fit(&channels(&sample.picture().expect("a picture"), 1), Shape::new(1, 32, 32), Fit::Centre).picture;
            let (mut mass, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
            let mut rows = [false; 32];
            for (i, &v) in small.values().iter().enumerate() {
                mass += v;
                sum_x += v * (i % 32) as f32;
                sum_y += v * (i / 32) as f32;
                rows[i / 32] |= v > 0.25;
            }
            assert!((sum_x / mass - 15.5).abs() < 0.5 && (sum_y / mass - 15.5).abs() < 0.5, "{}", sample.name());
            let tall = rows.iter().filter(|row| **row).count();
            assert!((19..=21).contains(&tall), "{} is {tall} high", sample.name());
        }
    }
}
