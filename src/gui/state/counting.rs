//! What is counted of a certificate, and what attacks find from above.

use crate::Result;
use crate::attack::{BracketSettings, Bracketing, Certificate, Certification, Found, Smoothing, Timeline};
use crate::joint::JointModel;
use crate::picture::Picture;
use crate::task::Cancel;

/// How many attacks close the bracket from above.
pub const ATTEMPTS: usize = 12;

/// Votes alone, or votes and attacks.
#[derive(Debug, Clone)]
pub enum Count {
    /// A radius from below.
    Certificate(Certification),
    /// A radius from below and the smallest attack from above.
    Bracket(Box<Bracketing>),
}

impl Count {
    /// Chooses the class; `bracketed` for attacks too.
    ///
    /// # Errors
    /// As for [`Certification::begin`] and [`Bracketing::begin`].
    pub fn begin(
        model: &dyn JointModel,
        clean: &Picture,
        smoothing: &Smoothing,
        bracketed: bool,
        cancel: &Cancel,
    ) -> Result<Self> {
        if !bracketed {
            return Certification::begin(model, clean, smoothing, cancel).map(Self::Certificate);
        }
        let settings = BracketSettings { attempts: ATTEMPTS, ..BracketSettings::new(*smoothing) };
        Bracketing::begin(model, &inside(clean), &settings, cancel).map(Box::new).map(Self::Bracket)
    }

    /// Some votes more, and an attack where there are any.
    ///
    /// # Errors
    /// As for [`Certification::advance`] and [`Bracketing::advance`].
    pub fn advance(&mut self, model: &dyn JointModel, clean: &Picture, cancel: &Cancel) -> Result<()> {
        match self {
            Self::Certificate(count) => count.advance(model, clean, cancel),
            Self::Bracket(count) => count.advance(model, &inside(clean), cancel),
        }
    }

    /// What is proved from below.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        match self {
            Self::Certificate(count) => count.certificate(),
            Self::Bracket(count) => count.certificate(),
        }
    }

    /// Whether there is nothing more to count or to try.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Certificate(count) => count.certificate().is_complete(),
            Self::Bracket(count) => count.is_complete(),
        }
    }

    /// How many attacks were tried, and the nearest picture of another class; none where there are no attacks.
    #[must_use]
    pub fn above(&self) -> Option<(usize, Option<&Found>)> {
        match self {
            Self::Certificate(_) => None,
            Self::Bracket(count) => Some((count.attempts(), count.found())),
        }
    }
}

/// Attacks are on pictures, whose values are from 0 to 1.
fn inside(clean: &Picture) -> Picture {
    clean.map(|v| v.clamp(0.0, 1.0))
}

/// What there is of the certificate.
pub struct CertificateAnswer {
    /// No votes are counted: the person stopped it, or did not begin one.
    pub stopped: bool,
    /// Whether attacks are to close in from above.
    pub bracketed: bool,
    /// Votes and proved radius so far, for the plot.
    pub curve: Timeline<[f64; 2]>,
    /// Votes and the smallest attack so far.
    pub above: Timeline<[f64; 2]>,
    /// What was counted so far.
    pub count: Option<Count>,
}

impl Default for CertificateAnswer {
    fn default() -> Self {
        let (curve, above) = (Timeline::default(), Timeline::default());
        Self { stopped: true, bracketed: false, curve, above, count: None }
    }
}

impl CertificateAnswer {
    /// What is proved so far.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.count.as_ref().map(Count::certificate)
    }

    /// Whether there is nothing more to count or to try.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.count.as_ref().is_some_and(Count::is_complete)
    }

    /// Takes in what was counted.
    pub fn take(&mut self, count: Count) {
        let certificate = count.certificate();
        let votes = certificate.samples() as f64;
        self.curve.push([votes, certificate.radius().unwrap_or(0.0)]);
        if let Some((_, Some(found))) = count.above() {
            self.above.push([votes, found.distance]);
        }
        self.count = Some(count);
    }

    /// Lets go of the answer.
    pub fn forget(&mut self) {
        *self = Self { stopped: self.stopped, bracketed: self.bracketed, ..Self::default() };
    }
}
