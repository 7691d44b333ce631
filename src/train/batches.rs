//! Training batches: a pure function of the seed and the step, prepared by other threads ahead of the step.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use rand_chacha::rand_core::RngCore;

use super::adversarial::{self, Attacked};
use super::augment::{Augmentation, Stream, generator, uniform};
use super::counterfactual::Counterfactual;
use super::noise_levels::NoiseLevels;
use super::rows::Special;
use crate::data::DataSet;
use crate::engine::{RowParts, Size};
use crate::joint::SigmaRange;
use crate::picture::normals;
use crate::{Error, Result};

/// One batch: noisy pictures, the noise that is in them, its strengths and the true classes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingBatch {
    /// y = x + σε, `[N, C, H, W]`.
    pub noisy: Vec<f32>,
    /// What the score is trained to point away from, in units of σ, `[N, C, H, W]`: ε, standard normal; in the rows that
    /// train another class, `(y − E[x | y, c])/σ`.
    pub noise: Vec<f32>,
    /// σ, `[N]`.
    pub sigmas: Vec<f32>,
    /// The classes, `[N]`.
    pub labels: Vec<u32>,
    /// The class whose score is trained, or none where that of the mixture is, `[N]`.
    pub classes: Vec<Option<u32>>,
    /// What the parts of the loss weigh in each row, `[N]`; none where all rows weigh the same.
    pub parts: Option<Vec<RowParts>>,
    /// The rows that are yet to be attacked on the network, if any.
    pub attacked: Option<Attacked>,
    /// Height and width.
    pub size: Size,
}

/// How batches are drawn.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// The pictures; those from index 0 to `pictures` are shown.
    pub data: Arc<DataSet>,
    /// How many pictures are shown: the training part less what is held out.
    pub pictures: usize,
    /// Pictures a batch.
    pub batch: usize,
    /// The seed of every draw.
    pub seed: u64,
    /// The range of σ.
    pub sigmas: SigmaRange,
    /// The law of σ over its range.
    pub levels: NoiseLevels,
    /// What is done to each picture.
    pub augmentation: Augmentation,
    /// The share of a batch whose score is that of its true class.
    pub conditional: f32,
    /// The rows whose score is that of a class drawn at random, if any.
    pub counterfactual: Option<Counterfactual>,
    /// The rows that are not like the others.
    pub special: Special,
}

impl Sampler {
    /// The order in which epoch number `epoch` shows the pictures.
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.pictures as u32).collect();
        // Each epoch has a stretch of its own: Fisher–Yates takes one word a picture.
        let words = (self.pictures as u64).div_ceil(16);
        let mut generator = generator(self.seed, Stream::Order, epoch * words);
        for last in (1..order.len()).rev() {
            let other = (u64::from(generator.next_u32()) * (last as u64 + 1)) >> 32;
            order.swap(last, other as usize);
        }
        order
    }

    /// The batch of step `step`. `orders` keeps the order of the epoch at hand between calls.
    ///
    /// # Errors
    /// [`Error::Io`] if the pictures cannot be read any more.
    pub fn batch(&self, step: u64, orders: &mut Orders) -> Result<TrainingBatch> {
        let (n, shape) = (self.batch, self.data.shape);
        let first = step * n as u64;
        let size = shape.len();
        let mut noise = vec![0.0; n * size];
        for (row, noise) in noise.chunks_exact_mut(size).enumerate() {
            normals::fill(self.seed, Stream::Noise as u64, (first + row as u64) * size as u64, noise);
        }
        let mut noisy = vec![0.0; n * size];
        let mut sigmas = Vec::with_capacity(n);
        let mut labels = Vec::with_capacity(n);
        // Pictures come in random order, so the first rows are as good a share as any, and the last.
        let conditional = (self.conditional * n as f32).round() as usize;
        let others = self.counterfactual.as_ref().map_or(0, |c| (c.share * n as f32).round() as usize);
        let (mut classes, mut buffer) = (Vec::with_capacity(n), Vec::new());
        let kinds = self.special.kinds(n);
        let mut mixed = Vec::new();
        let last = kinds.joint.end;
        for (row, (noisy, noise)) in noisy.chunks_exact_mut(size).zip(noise.chunks_exact_mut(size)).enumerate() {
            let draw = first + row as u64;
            let (epoch, place) = (draw / self.pictures as u64, draw % self.pictures as u64);
            let index = orders.of(self, epoch)[place as usize] as usize;
            let other = self.counterfactual.as_ref().filter(|_| row < last && row >= last - others.min(last));
            let min = other.map_or(self.sigmas.min, |other| self.sigmas.clamp(other.sigma));
            let share = uniform(&mut generator(self.seed, Stream::Sigma, draw));
            let levels = self.special.levels(&kinds, row, self.levels);
            let sigma = if kinds.adversarial.contains(&row) {
                self.sigmas.clamp(adversarial::SIGMA)
            } else {
                levels.quantile(SigmaRange { min, ..self.sigmas }, share)
            };
            let bytes = shown(&self.data, index, (self.seed, Stream::Crop, draw), &mut buffer)?;
            let mut change = self.augmentation.draw(self.seed, draw);
            let is_mixed = kinds.classify.contains(&row);
            // A hole is no part of a photograph: where some rows train the classes alone, it is in those alone.
            if !is_mixed && !kinds.classify.is_empty() {
                change = change.whole();
            }
            change.apply(bytes, shape, noisy);
            mixed.push(if is_mixed { self.mix(draw, noisy)? } else { (0, 0.0) });
            for (y, e) in noisy.iter_mut().zip(&*noise) {
                *y += sigma * e;
            }
            let label = self.data.labels[index];
            classes.push(match other {
                Some(other) => Some(other.draw(&self.data, label, (self.seed, draw), sigma, noisy, noise)?),
                None => (row < conditional.min(last)).then_some(label),
            });
            sigmas.push(sigma);
            labels.push(label);
        }
        let parts = self.special.options.weigh().then(|| kinds.parts(&mixed));
        let attacked = self.special.attacked(&kinds, self.seed, first);
        let size = (shape.height, shape.width);
        Ok(TrainingBatch { noisy, noise, sigmas, labels, classes, parts, attacked, size })
    }

    /// Mixes a picture with another one, if the rows of the classes are mixtures; returns the other's class and share.
    fn mix(&self, draw: u64, picture: &mut [f32]) -> Result<(u32, f32)> {
        let Some((index, share)) = self.special.mixed_with(self.pictures, self.seed, draw) else { return Ok((0, 0.0)) };
        let (mut buffer, mut other) = (Vec::new(), vec![0.0; picture.len()]);
        let bytes = shown(&self.data, index, (self.seed, Stream::MixupCrop, draw), &mut buffer)?;
        self.augmentation.draw_from(self.seed, Stream::MixupAugment, draw).apply(bytes, self.data.shape, &mut other);
        picture.iter_mut().zip(other).for_each(|(x, other)| *x = (1.0 - share) * *x + share * other);
        Ok((self.data.labels[index], share))
    }
}

/// The bytes of picture `index`, or of a crop of it anywhere.
fn shown<'a>(
    data: &'a DataSet,
    index: usize,
    (seed, stream, draw): (u64, Stream, u64),
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8]> {
    if !data.is_cropped() {
        return data.bytes(index, buffer);
    }
    let place = &mut generator(seed, stream, draw);
    data.crop(index, (uniform(place), uniform(place)), buffer)
}

/// The orders of the two epochs that a batch can touch, so that they are drawn once.
#[derive(Debug, Default)]
pub struct Orders(Vec<(u64, Vec<u32>)>);

impl Orders {
    pub(super) fn of(&mut self, sampler: &Sampler, epoch: u64) -> &[u32] {
        if !self.0.iter().any(|(e, _)| *e == epoch) {
            if self.0.len() == 2 {
                self.0.remove(0);
            }
            self.0.push((epoch, sampler.order(epoch)));
        }
        &self.0.iter().find(|(e, _)| *e == epoch).expect("it was just drawn").1
    }
}

/// Threads that prepare the batches of consecutive steps, and the queue of what they prepared.
///
/// Thread t of T prepares the steps start + t, start + t + T, …; taking from the threads in turn keeps the order.
#[derive(Debug)]
pub struct Feed {
    queues: Vec<Receiver<Result<TrainingBatch>>>,
    next: usize,
}

impl Feed {
    /// Starts `threads` threads at step `start`. They end when the feed is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub fn start(sampler: &Sampler, start: u64, threads: usize) -> Result<Self> {
        let threads = threads.max(1);
        let mut queues = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(2);
            let sampler = sampler.clone();
            let work = move || {
                let mut orders = Orders::default();
                for step in (start + thread as u64..).step_by(threads) {
                    let batch = sampler.batch(step, &mut orders);
                    let failed = batch.is_err();
                    if sender.send(batch).is_err() || failed {
                        break;
                    }
                }
            };
            let spawned = std::thread::Builder::new().name(format!("batches-{thread}")).spawn(work);
            spawned.map_err(|e| Error::io("a thread for batches", e))?;
            queues.push(receiver);
        }
        Ok(Self { queues, next: 0 })
    }

    /// The next step's batch.
    ///
    /// # Errors
    /// Why the thread that prepares it could not, or [`Error::Compute`] if it is gone.
    pub fn take(&mut self) -> Result<TrainingBatch> {
        let queue = &self.queues[self.next];
        self.next = (self.next + 1) % self.queues.len();
        queue.recv().unwrap_or_else(|_| Err(Error::Compute("the thread that prepares batches ended".into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    /// Seven grey 2×2 pictures whose bytes tell their number.
    fn sampler() -> Sampler {
        let labels: Vec<u32> = (0..7).collect();
        let pixels = (0..7 * 4).map(|i| (i / 4 * 30) as u8).collect();
        let data = DataSet::in_memory(&["0", "1", "2", "3", "4", "5", "6"], Shape::new(1, 2, 2), labels, pixels);
        Sampler {
            data: Arc::new(data),
            pictures: 7,
            batch: 3,
            seed: 11,
            sigmas: SigmaRange { min: 0.01, max: 1.0 },
            levels: NoiseLevels::LogUniform,
            augmentation: Augmentation { mirror: true, shift: 1, hole: 0 },
            conditional: 0.4,
            counterfactual: None,
            special: Special::default(),
        }
    }

    fn batches(sampler: &Sampler, steps: u64) -> Vec<TrainingBatch> {
        (0..steps).map(|step| sampler.batch(step, &mut Orders::default()).unwrap()).collect()
    }

    #[test]
    fn every_epoch_shows_every_picture_once_in_an_order_of_its_own() {
        let labels: Vec<u32> = batches(&sampler(), 14).into_iter().flat_map(|b| b.labels).collect();
        let epochs: Vec<&[u32]> = labels.chunks(7).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert!(epochs.windows(2).any(|w| w[0] != w[1]), "{epochs:?}");
    }

    #[test]
    fn noisy_less_noise_is_the_picture() {
        for batch in batches(&sampler(), 5) {
            for (row, (noisy, noise)) in batch.noisy.chunks(4).zip(batch.noise.chunks(4)).enumerate() {
                for (y, e) in noisy.iter().zip(noise) {
                    let clean = y - batch.sigmas[row] * e;
                    assert!((clean - batch.labels[row] as f32 * 30.0 / 255.0).abs() < 1e-6);
                }
            }
            assert_eq!(batch.classes, [Some(batch.labels[0]), None, None]);
        }
    }

    #[test]
    fn noise_levels_are_log_uniform() {
        let sigmas: Vec<f32> = batches(&sampler(), 3000).into_iter().flat_map(|b| b.sigmas).collect();
        assert!(sigmas.iter().all(|s| (0.01..=1.0).contains(s)));
        // A hundredth to one are two decades: a quarter of the draws a half decade, 2250 ± five deviations of 41.
        for quarter in 0..4 {
            let low = 10_f32.powf(-2.0 + 0.5 * quarter as f32);
            let count = sigmas.iter().filter(|&&s| s >= low && s < low * 10_f32.sqrt()).count();
            assert!((2045..2455).contains(&count), "{count} from {low}");
        }
    }

    #[test]
    fn any_number_of_threads_feeds_the_same_batches_from_any_step() {
        let sampler = sampler();
        let expected = batches(&sampler, 12);
        assert_ne!(expected[0], expected[1]);
        for (threads, start) in [(1, 0), (2, 3), (5, 4)] {
            let mut feed = Feed::start(&sampler, start, threads).unwrap();
            for batch in &expected[start as usize..] {
                assert_eq!(&feed.take().unwrap(), batch, "{threads} threads from step {start}");
            }
        }
    }
}
