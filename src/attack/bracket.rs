//! A bracket around the true radius of a smoothed classifier: what is proved below, the smallest attack that was found above.
//!
//! Both are about one classifier, the one that says what p(c | x + σε) says most often over the noise. From below comes the
//! certificate; from above pictures for which another class has more votes, which is a claim about chances too. Half of α is the certificate's;
//! the other half is spent on the claims, `6/π²i²` of it on the i-th, so that with probability 1 − α the true radius lies in the bracket
//! at every moment.

use super::certificate::{Certificate, clopper_pearson_lower};
use super::certify::{Certification, LEAST_ALPHA, Smoothing};
use super::loss::argmax;
use super::{Defence, Method, Norm, Settings, parameters, run};
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// How the bracket is looked for.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BracketSettings {
    /// The certificate from below; its α is that of the whole bracket.
    pub smoothing: Smoothing,
    /// How many attacks are tried.
    pub attempts: usize,
    /// How many steps each makes.
    pub steps: usize,
    /// How many draws of noise each step's gradient is the mean of.
    pub draws: usize,
    /// How many votes a claim rests on, besides those that choose the class.
    pub votes: u64,
}

/// The most attacks that are tried.
pub const LARGEST_ATTEMPTS: usize = 1000;
/// How often the way to an attacked picture is halved.
const HALVINGS: usize = 6;
/// Keeps the noise of claims apart from that of the certificate.
const CLAIMS: u64 = 0x63_6c_61_69 << 32;

impl BracketSettings {
    /// Eight attacks of 20 steps by four draws, 400 votes a claim.
    #[must_use]
    pub fn new(smoothing: Smoothing) -> Self {
        Self { smoothing, attempts: 8, steps: 20, draws: 4, votes: 400 }
    }

    /// Refuses what no bracket can be made of.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self) -> Result<()> {
        self.smoothing.check()?;
        // Half of it is the certificate's.
        limits::number("--alpha", self.smoothing.alpha, 2.0 * LEAST_ALPHA, 0.5)?;
        limits::whole("--attempts", self.attempts as u64, 1, LARGEST_ATTEMPTS as u64)?;
        limits::whole("--attack-steps", self.steps as u64, 1, 10_000)?;
        limits::whole("--attack-draws", self.draws as u64, 1, 1000)?;
        limits::whole("--attack-votes", self.votes, 10, 1_000_000)
    }
}

/// A picture that the smoothed classifier takes for another class.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The picture, in [0, 1].
    pub picture: Picture,
    /// How far it lies from the clean one, in L2.
    pub distance: f64,
    /// The class that has more votes than the certified one.
    pub class: usize,
    /// How many of the votes for either were for it.
    pub votes: u64,
    /// How many were for the certified one.
    pub against: u64,
}

/// A bracket in the making: some votes and one attack at a time.
#[derive(Debug, Clone)]
pub struct Bracketing {
    settings: BracketSettings,
    certification: Certification,
    found: Option<Found>,
    /// The largest budget with which an attack failed.
    failed: f64,
    attempts: usize,
    claims: u64,
    is_boundless: bool,
}

impl Bracketing {
    /// Chooses the class.
    ///
    /// # Errors
    /// As for [`super::certify()`] and [`BracketSettings::check`]; [`Error::Option`] for a model without gradients.
    pub fn begin(model: &dyn JointModel, clean: &Picture, settings: &BracketSettings, cancel: &Cancel) -> Result<Self> {
        settings.check()?;
        if let Some(reason) = model.abilities().gradients.missing() {
            return Err(Error::option("--attempts", format!("attacks need gradients, and the model {reason}")));
        }
        let smoothing = Smoothing { alpha: 0.5 * settings.smoothing.alpha, ..settings.smoothing };
        let certification = Certification::begin(model, clean, &smoothing, cancel)?;
        let settings = *settings;
        Ok(Self { settings, certification, found: None, failed: 0.0, attempts: 0, claims: 0, is_boundless: false })
    }

    /// What is proved from below, at half of the bracket's α.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.certification.certificate()
    }

    /// The nearest attack so far.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    /// The radius within which nothing changes the class, and the distance at which something does.
    #[must_use]
    pub fn bounds(&self) -> (f64, Option<f64>) {
        (self.certificate().radius().unwrap_or(0.0), self.found.as_ref().map(|found| found.distance))
    }

    /// How many attacks were tried.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// Whether all votes are in and all attacks were tried.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.certificate().is_complete() && self.is_over()
    }

    /// Whether there is no further attack to try.
    fn is_over(&self) -> bool {
        self.attempts >= self.settings.attempts || self.is_boundless
    }

    /// Some votes more and one attack more, of whichever there are. Model and picture are those that it began with.
    ///
    /// # Errors
    /// [`Error::Compute`] for a picture outside [0, 1], or what the model fails with; [`Error::Cancelled`].
    pub fn advance(&mut self, model: &dyn JointModel, clean: &Picture, cancel: &Cancel) -> Result<()> {
        if !self.certificate().is_complete() {
            self.certification.advance(model, clean, cancel)?;
        }
        // The attacks are spread over the votes, and end with them.
        let (cast, planned) = (self.certificate().samples(), self.certificate().planned.max(1));
        let due = (self.settings.attempts as u64 * cast).div_ceil(planned) as usize;
        if !self.is_over() && (self.attempts < due || self.certificate().is_complete()) {
            self.attempt(model, clean, cancel)?;
        }
        Ok(())
    }

    /// The budget of the next attack: between what failed and what succeeded.
    fn budget(&self, largest: f64) -> f64 {
        let low = self.failed.max(self.certificate().radius().unwrap_or(0.0));
        match &self.found {
            Some(found) if low < found.distance => f64::midpoint(low, found.distance),
            Some(found) => 0.9 * found.distance,
            None => (2.0 * low.max(f64::from(self.settings.smoothing.sigma))).min(largest),
        }
    }

    fn attempt(&mut self, model: &dyn JointModel, clean: &Picture, cancel: &Cancel) -> Result<()> {
        let BracketSettings { smoothing, steps, draws, .. } = self.settings;
        let largest = (clean.values().len() as f64).sqrt();
        let budget = self.budget(largest);
        let class = self.certificate().class;
        self.attempts += 1;
        let mut settings = Settings::new(Method::Pgd, smoothing.sigma).within(Norm::L2, budget);
        settings.set(parameters::STEPS, steps as f64)?;
        settings.set(parameters::STEP_SIZE, (2.5 * budget / steps as f64).min(100.0))?;
        settings.set(parameters::RANDOM_START, f64::from(u8::from(self.attempts > 1)))?;
        settings.defence = Defence::Vote { draws, votes: draws.max(8), fixed: false };
        settings.seed = smoothing.seed.wrapping_add(self.attempts as u64);
        settings.first = smoothing.number;
        let outcome = run(model, &Batch::of([clean]), &[class], &settings, cancel, &mut |_| ())?.swap_remove(0);
        let Some(found) = self.claim(model, clean, &outcome.attacked, cancel)? else {
            self.is_boundless = self.found.is_none() && budget >= largest;
            self.failed = self.failed.max(budget);
            return Ok(());
        };
        self.take(found);
        // Along the way to it, which is shorter than its end.
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let share = f64::midpoint(low, high) as f32;
            let nearer = clean.zip(&outcome.attacked, |x, a| (x + share * (a - x)).clamp(0.0, 1.0));
            match self.claim(model, clean, &nearer, cancel)? {
                Some(found) => {
                    self.take(found);
                    high = f64::from(share);
                }
                None => low = f64::from(share),
            }
        }
        Ok(())
    }

    fn take(&mut self, found: Found) {
        if self.found.as_ref().is_none_or(|best| found.distance < best.distance) {
            // What failed before is no bound: it is only where the next attack does not look.
            self.failed = self.failed.min(0.9 * found.distance);
            self.found = Some(found);
        }
    }

    /// Whether another class has more votes than the certified one for this picture, for all that chance may do.
    fn claim(
        &mut self,
        model: &dyn JointModel,
        clean: &Picture,
        picture: &Picture,
        cancel: &Cancel,
    ) -> Result<Option<Found>> {
        self.claims += 1;
        let BracketSettings { smoothing, votes, .. } = self.settings;
        let class = self.certificate().class;
        let alpha = 3.0 * smoothing.alpha / (std::f64::consts::PI * self.claims as f64).powi(2);
        let smoothing = Smoothing {
            selection: (votes / 4).max(1),
            samples: votes,
            may_stop: false,
            number: CLAIMS ^ smoothing.number.rotate_left(20) ^ self.claims,
            ..smoothing
        };
        let mut count = Certification::begin(model, picture, &smoothing, cancel)?;
        let mut chosen: Vec<f64> = count.certificate().selection.iter().map(|votes| *votes as f64).collect();
        chosen[class] = -1.0;
        let rival = argmax(&chosen);
        if chosen[rival] < count.certificate().selection[class] as f64 {
            return Ok(None);
        }
        while !count.certificate().is_complete() {
            count.advance(model, picture, cancel)?;
        }
        let cast = &count.certificate().votes;
        let (votes, against) = (cast[rival], cast[class]);
        let distance = super::Distance::between(clean, picture).l2;
        let holds = clopper_pearson_lower(votes, votes + against, alpha) > 0.5;
        Ok(holds.then(|| Found { picture: picture.clone(), distance, class: rival, votes, against }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;

    const SHAPE: Shape = Shape::new(1, 2, 2);

    /// The boundary of two equal isotropic Gaussians is a plane, and so is that of their smoothed classifier: the true radius is the
    /// distance to it.
    fn oracle() -> GaussianMixture {
        GaussianMixture::new(SHAPE, 2).with(0, 1.0, vec![0.4; 4], 0.01).with(1, 1.0, vec![0.6; 4], 0.01)
    }

    fn settings(samples: u64, number: u64) -> BracketSettings {
        let smoothing = Smoothing { samples, number, ..Smoothing::new(0.25) };
        BracketSettings { attempts: 6, steps: 12, ..BracketSettings::new(smoothing) }
    }

    #[test]
    fn the_true_radius_lies_in_the_bracket_at_every_moment_and_both_ends_close_in() {
        for (value, number) in [(0.35_f32, 0), (0.42, 1), (0.61, 2)] {
            let truth = f64::from((value - 0.5).abs()) * 2.0;
            let clean = Picture::filled(SHAPE, value);
            let mut bracket = Bracketing::begin(&oracle(), &clean, &settings(20_000, number), &Cancel::new()).unwrap();
            let mut last = (0.0, f64::INFINITY);
            while !bracket.is_complete() {
                bracket.advance(&oracle(), &clean, &Cancel::new()).unwrap();
                let (low, high) = bracket.bounds();
                let high = high.unwrap_or(f64::INFINITY);
                assert!(low <= truth && truth <= high, "{low} {truth} {high}");
                assert!(low >= last.0 && high <= last.1, "it only closes");
                last = (low, high);
            }
            // 400 votes show a rival's lead from a share of about 0.61 on, 0.07 beyond the plane; the last halvings are a little coarser.
            assert!(last.0 > 0.85 * truth && last.1 < truth + 0.12, "{last:?} around {truth}");
            let found = bracket.found().unwrap();
            assert_eq!((found.class, bracket.attempts()), (usize::from(value < 0.5), 6));
            assert!((super::super::Distance::between(&clean, &found.picture).l2 - found.distance).abs() < 1e-12);
        }
    }

    #[test]
    fn it_is_wrong_no_more_often_than_alpha() {
        // Near the plane, where a claim is soonest wrong. 24 of 120 are allowed; 38 would be more than three deviations above.
        let (alpha, truth) = (0.2, 0.04);
        let clean = Picture::filled(SHAPE, 0.48);
        let wrong = (0..120).filter(|number| {
            let mut settings = settings(300, *number);
            (settings.smoothing.alpha, settings.attempts, settings.votes) = (alpha, 3, 60);
            let mut bracket = Bracketing::begin(&oracle(), &clean, &settings, &Cancel::new()).unwrap();
            if bracket.certificate().class != 0 {
                return false;
            }
            let mut holds = true;
            while !bracket.is_complete() {
                bracket.advance(&oracle(), &clean, &Cancel::new()).unwrap();
                let (low, high) = bracket.bounds();
                holds &= low <= truth && high.is_none_or(|high| high >= truth);
            }
            !holds
        });
        let wrong = wrong.count();
        assert!((1..38).contains(&wrong), "{wrong}");
    }

    #[test]
    fn a_class_that_nothing_changes_has_no_upper_end_and_settings_are_held_to_their_limits() {
        // The other class is too far off for any picture in [0, 1].
        let model = GaussianMixture::new(SHAPE, 2).with(0, 1.0, vec![0.5; 4], 0.01).with(1, 1.0, vec![9.0; 4], 0.01);
        let clean = Picture::filled(SHAPE, 0.5);
        let mut bracket = Bracketing::begin(&model, &clean, &settings(200, 0), &Cancel::new()).unwrap();
        while !bracket.is_complete() {
            bracket.advance(&model, &clean, &Cancel::new()).unwrap();
        }
        assert!(bracket.found().is_none() && bracket.bounds().0 > 0.0 && bracket.attempts() < 6);
        let good = settings(100, 0);
        let refused = |option: &str, settings: BracketSettings| {
            assert!(settings.check().unwrap_err().to_string().starts_with(option));
        };
        refused("--attempts", BracketSettings { attempts: 0, ..good });
        refused("--attack-steps", BracketSettings { steps: 0, ..good });
        refused("--attack-draws", BracketSettings { draws: 0, ..good });
        refused("--attack-votes", BracketSettings { votes: 1, ..good });
        refused("--alpha", BracketSettings { smoothing: Smoothing { alpha: 0.9, ..good.smoothing }, ..good });
    }
}
