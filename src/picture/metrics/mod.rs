//! How near a picture is to the clean one, by several metrics. Reports, sheets, captions, tables and CSV take the metrics
//! from [`METRICS`], so another one is a file beside these and a line there.

mod flip;
mod psnr;
mod ssim;

pub use flip::{FLIP, flip};
pub use psnr::{PSNR, psnr};
pub use ssim::{SSIM, ssim};

use rayon::prelude::*;

use super::Picture;

/// Every metric, in the order of reports. The first is the one that is named where there is room for one.
pub static METRICS: [&Metric; 3] = [&PSNR, &SSIM, &FLIP];

/// What a metric is and how it is written.
#[derive(Debug)]
pub struct Metric {
    /// Its name in JSON and CSV.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its unit; empty for a bare number.
    pub unit: &'static str,
    /// Decimals where it is read closely, and where there is little room.
    pub digits: [usize; 2],
    /// Which pictures are better.
    pub better: Better,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether it is quick enough to be measured for each class's denoiser, not for the noisy and the denoised picture alone.
    pub is_quick: bool,
    /// Its value for a picture and the clean one, of one shape; infinite values are allowed.
    pub of: fn(picture: &Picture, clean: &Picture) -> f64,
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Large ones.
    Higher,
    /// Small ones.
    Lower,
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Metric {
    /// A value with its unit, for reading closely: `28.20 dB`, `0.9120`.
    #[must_use]
    pub fn write(&self, value: f64) -> String {
        self.with_unit(value, self.digits[0])
    }

    /// [`Self::write`] with the title where no unit tells what it is: `28.20 dB`, `SSIM 0.9120`.
    #[must_use]
    pub fn labelled(&self, value: f64) -> String {
        self.with_title(self.write(value))
    }

    /// [`Self::labelled`] in little room: `28.2 dB`, `SSIM 0.91`.
    #[must_use]
    pub fn brief(&self, value: f64) -> String {
        self.with_title(self.bare(value))
    }

    /// [`Self::brief`] without the title, for the least room: `28.2 dB`, `0.91`.
    #[must_use]
    pub fn bare(&self, value: f64) -> String {
        self.with_unit(value, self.digits[1])
    }

    fn with_title(&self, value: String) -> String {
        if self.unit.is_empty() { format!("{} {value}", self.title) } else { value }
    }

    fn with_unit(&self, value: f64, digits: usize) -> String {
        let number = if value.is_infinite() && value > 0.0 { "∞".to_owned() } else { format!("{value:.digits$}") };
        if self.unit.is_empty() { number } else { format!("{number} {}", self.unit) }
    }
}

/// How near a picture is to the clean one, by each metric. Nothing is clipped but where a metric says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity([Option<f64>; METRICS.len()]);

impl Fidelity {
    /// Of `picture` to `clean`, two pictures of one shape, by every metric.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn of(picture: &Picture, clean: &Picture) -> Self {
        Self::by(|_| true, picture, clean)
    }

    /// [`Self::of`] by the quick metrics alone.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn quick(picture: &Picture, clean: &Picture) -> Self {
        Self::by(|metric| metric.is_quick, picture, clean)
    }

    /// By those metrics, each a task of its own.
    fn by(is_asked: impl Fn(&Metric) -> bool + Sync, picture: &Picture, clean: &Picture) -> Self {
        let mut values = [None; METRICS.len()];
        values.par_iter_mut().zip(METRICS).for_each(|(value, metric)| {
            *value = is_asked(metric).then(|| (metric.of)(picture, clean));
        });
        Self(values)
    }

    /// What a metric measured; none if it was not asked.
    #[must_use]
    pub fn get(&self, metric: &Metric) -> Option<f64> {
        self.measured().find(|(measured, _)| *measured == metric).map(|(_, value)| value)
    }

    /// The peak signal-to-noise ratio in dB, which every picture has; infinite for the clean picture itself.
    #[must_use]
    pub fn psnr_db(&self) -> f64 {
        self.get(&PSNR).unwrap_or(f64::NAN)
    }

    /// Every metric that was measured, and its value.
    pub fn measured(&self) -> impl Iterator<Item = (&'static Metric, f64)> {
        METRICS.into_iter().zip(self.0).filter_map(|(metric, value)| Some((metric, value?)))
    }
}

/// The values by the metrics' names.
impl serde::Serialize for Fidelity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.measured().map(|(metric, value)| (metric.id, value)))
    }
}

/// Two unlike pictures that another program can make too: draw i of the uniform stream, exact in 24 bits.
#[cfg(test)]
fn pair(shape: super::Shape) -> (Picture, Picture) {
    let mut values = vec![0.0; 2 * shape.len()];
    super::normals::uniforms(1, 0, 0, &mut values);
    let second = values.split_off(shape.len());
    let a = Picture::new(shape, values);
    let b = a.zip(&Picture::new(shape, second), |a, b| 0.75 * a + 0.25 * b);
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Noise, Shape};

    #[test]
    fn every_metric_has_a_name_of_its_own_and_prefers_less_noise() {
        let (scene, _) = pair(Shape::new(3, 40, 50));
        let at = |sigma: f32| Fidelity::of(&Noise::gaussian(sigma, 1).apply(&scene), &scene);
        let (near, far) = (at(0.02), at(0.2));
        for (index, metric) in METRICS.into_iter().enumerate() {
            assert!(METRICS[..index].iter().all(|other| other.id != metric.id && other.title != metric.title));
            let (near, far) = (near.get(metric).unwrap(), far.get(metric).unwrap());
            assert_eq!(near > far, metric.better == Better::Higher, "{}: {near} {far}", metric.id);
            assert!(!metric.about.is_empty() && !metric.source.is_empty());
        }
        assert!(PSNR.is_quick, "what is named where there is room for one is measured everywhere");
    }

    #[test]
    fn values_are_written_with_their_units() {
        assert_eq!(
            [PSNR.write(28.204), PSNR.brief(28.204), PSNR.write(f64::INFINITY)],
            ["28.20 dB", "28.2 dB", "∞ dB"]
        );
        assert_eq!([SSIM.write(0.912_34), SSIM.brief(0.912_34), SSIM.bare(0.912_34)], ["0.9123", "SSIM 0.91", "0.91"]);
    }

    #[test]
    fn what_was_not_measured_is_not_there() {
        let (a, b) = pair(Shape::new(1, 12, 12));
        let quick = Fidelity::quick(&a, &b);
        for metric in METRICS {
            assert_eq!(quick.get(metric).is_some(), metric.is_quick);
        }
        let json = serde_json::to_value(quick).unwrap();
        assert!(json["psnr_db"].is_number() && json["ssim"].is_number() && json.get("flip").is_none(), "{json}");
    }
}
