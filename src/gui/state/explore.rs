//! What is explored, and what came of it.

use std::sync::Arc;

use super::drawn::Drawn;
use crate::gui::gpu::Content;
use crate::picture::{Picture, Shape};
use crate::study::lab::{Component, Components, Density, Doubt, Evidence, Filter, LevelAudit, NoiseLevel, Region};

/// What the pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Which class, or which details?
    #[default]
    Doubt,
    /// What else could this be?
    Components,
    /// What was this pixel made of?
    Filter,
    /// At which scale was it decided?
    Evidence,
    /// How probable is it, and how much noise is in it?
    Density,
    /// Is this a density?
    Audit,
    /// Pictures drawn from the model.
    Samples,
    /// A hole, filled in.
    Fill,
    /// The least change to another class.
    Dial,
}

impl Mode {
    /// Every mode, in order.
    pub const ALL: [Self; 9] = [
        Self::Doubt,
        Self::Components,
        Self::Filter,
        Self::Evidence,
        Self::Density,
        Self::Audit,
        Self::Samples,
        Self::Fill,
        Self::Dial,
    ];

    /// Whether it draws, when it is told to.
    #[must_use]
    pub fn draws(self) -> bool {
        matches!(self, Self::Samples | Self::Fill | Self::Dial)
    }

    /// Its name on the switch.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Doubt => "Doubt",
            Self::Components => "What else?",
            Self::Filter => "Filter",
            Self::Evidence => "Evidence",
            Self::Density => "Density",
            Self::Audit => "Audit",
            Self::Samples => "Draw",
            Self::Fill => "Fill",
            Self::Dial => "Dial",
        }
    }

    /// Under which heading of `docs/lab.md` its formula stands.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Doubt => "Two kinds of doubt",
            Self::Components => "What else could this be?",
            Self::Filter => "What a pixel was made of",
            Self::Evidence => "At which scale was it decided?",
            Self::Density => "How probable is it, and how noisy?",
            Self::Audit => "Is this a density?",
            Self::Samples => "Drawing pictures",
            Self::Fill => "Filling in",
            Self::Dial => "What would make it another class?",
        }
    }

    /// What is seen, in one line.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Doubt => DOUBT,
            Self::Components => COMPONENTS,
            Self::Filter => FILTER,
            Self::Evidence => EVIDENCE,
            Self::Density => DENSITY,
            Self::Audit => AUDIT,
            Self::Samples => SAMPLES,
            Self::Fill => FILL,
            Self::Dial => DIAL,
        }
    }
}

const DOUBT: &str = "How far each pixel may be off: not knowing which class it is, and not knowing which details.";
const COMPONENTS: &str = "What else the picture could be: slide along the directions in which it is most uncertain.";
const FILTER: &str =
    "What a pixel of the result is made of: the row of J = ∂D/∂y at the pointer; it widens as σ rises.";
const EVIDENCE: &str = "At which scale was the class decided, in bits, by the denoisers and by the classifier?";
const DENSITY: &str =
    "How probable the picture is, in bits a value, and how much noise is in what the model sees: p(c, σ | y).";
const AUDIT: &str = "Is this a density at all? Seven residuals that are 0 for every density, on this picture.";

const SAMPLES: &str =
    "Pictures drawn from the model, or what the noisy one could have been; the slider goes back along their way.";
const FILL: &str =
    "What could be in the hole: draws from p(x | what is known), the most probable first, their mean and spread.";
const DIAL: &str =
    "The least change on the way to a class that the density tolerates, beside a plain attack of the same length.";

/// An answer that belongs to an earlier question until the new one is there.
#[derive(Debug, Clone)]
pub struct Explored<T> {
    /// The answer.
    pub value: Arc<T>,
    /// It belongs to an earlier question.
    pub stale: bool,
}

impl<T> Explored<T> {
    /// The answer to the last question.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { value: Arc::new(value), stale: false }
    }
}

/// How probable a picture is among others, and how much noise is in it.
#[derive(Debug, Clone)]
pub struct PictureDensity {
    /// The measured pictures, with the constants.
    pub density: Arc<Density>,
    /// Whether the picture is the first of them; one with noise of its own is not measured.
    pub measured: bool,
    /// What the noise is found to be.
    pub noise: NoiseLevel,
}

/// Both kinds of doubt as standard deviations to look at.
#[derive(Debug, Clone)]
pub struct DoubtTiles {
    /// "Which class?", "which details?" and both together; the last two come later.
    pub maps: [Option<Content>; 3],
    /// The largest standard deviation of a pixel in any of them: one scale for all.
    pub scale: f32,
}

/// What is explored, and what came of it.
#[derive(Debug)]
pub struct Explore {
    /// What the pane shows.
    pub mode: Mode,
    /// Which component is looked at.
    pub chosen: usize,
    /// How many standard deviations along it.
    pub walk: f32,
    /// Where components are looked for; the whole picture if not given.
    pub region: Option<Region>,
    /// Where the drag of a region began, in shares of the picture.
    pub corner: Option<[f32; 2]>,
    /// How much of the mode's answer is there, from 0 to 1.
    pub share: f32,
    /// Both kinds of doubt.
    pub doubt: Option<Explored<Doubt>>,
    /// The same as tiles, as far as they are there.
    pub tiles: Option<DoubtTiles>,
    /// What else the picture could be.
    pub components: Option<Explored<Components>>,
    /// The component that is looked at.
    pub direction: Option<Content>,
    /// The picture along it.
    pub walked: Option<Content>,
    /// The filter.
    pub filter: Option<Explored<Filter>>,
    /// The same as a tile.
    pub weights: Option<Content>,
    /// The evidence, the class of it that is looked at, and that one's map.
    pub evidence: Option<Explored<Evidence>>,
    /// Its number among those of the evidence.
    pub evidence_of: usize,
    /// Where in the picture its evidence lies.
    pub evidence_map: Option<Content>,
    /// How probable the picture is, and its noise.
    pub density: Option<Explored<PictureDensity>>,
    /// The audited levels so far.
    pub audit: Vec<LevelAudit>,
    /// What is drawn.
    pub drawn: Drawn,
}

impl Default for Explore {
    fn default() -> Self {
        Self {
            mode: Mode::Doubt,
            chosen: 0,
            walk: 2.0,
            region: None,
            corner: None,
            share: 0.0,
            doubt: None,
            tiles: None,
            components: None,
            direction: None,
            walked: None,
            filter: None,
            weights: None,
            evidence: None,
            evidence_of: 0,
            evidence_map: None,
            density: None,
            audit: Vec::new(),
            drawn: Drawn::default(),
        }
    }
}

impl Explore {
    /// How far the slider goes, in standard deviations.
    pub const WALK: f32 = 3.0;

    /// Another picture or model: what is here means nothing any more.
    pub fn forget(&mut self) {
        let (mode, walk, mut drawn) = (self.mode, self.walk, std::mem::take(&mut self.drawn));
        drawn.forget();
        *self = Self { mode, walk, drawn, ..Self::default() };
    }

    /// Another noise level or seed: what is here is old.
    pub fn grow_stale(&mut self) {
        self.doubt.iter_mut().for_each(|d| d.stale = true);
        self.components.iter_mut().for_each(|c| c.stale = true);
        self.filter.iter_mut().for_each(|f| f.stale = true);
        self.density.iter_mut().for_each(|d| d.stale = true);
    }

    /// Takes in "which class?", which is there first.
    pub fn take_classes(&mut self, variance: &Picture) {
        let (map, scale) = deviation(variance);
        self.tiles = Some(DoubtTiles { maps: [Some(map), None, None], scale });
    }

    /// Takes in both kinds of doubt.
    pub fn take_doubt(&mut self, doubt: Doubt) {
        let total = doubt.total();
        let found = [&doubt.classes, &doubt.details, &total].map(deviation);
        let scale = found.iter().map(|(_, scale)| *scale).fold(1e-6, f32::max);
        self.tiles = Some(DoubtTiles { maps: found.map(|(map, _)| Some(map)), scale });
        self.doubt = Some(Explored::new(doubt));
    }

    /// Takes in components.
    pub fn take_components(&mut self, components: Components) {
        self.chosen = self.chosen.min(components.list.len().saturating_sub(1));
        self.components = Some(Explored::new(components));
        self.show_component();
    }

    /// Takes in a filter.
    pub fn take_filter(&mut self, filter: Filter) {
        self.weights = Some(filter.weights.clone().into());
        self.filter = Some(Explored::new(filter));
    }

    /// Takes in evidence.
    pub fn take_evidence(&mut self, evidence: Evidence) {
        self.evidence = Some(Explored::new(evidence));
        self.show_evidence(self.evidence_of);
    }

    /// Looks at the evidence of a class, by its number among those asked.
    pub fn show_evidence(&mut self, of: usize) {
        let Some(evidence) = &self.evidence else { return };
        self.evidence_of = of.min(evidence.value.classes.len().saturating_sub(1));
        self.evidence_map = evidence.value.classes.get(self.evidence_of).map(|class| class.map.clone().into());
    }

    /// Takes in how probable the picture is, and its noise.
    pub fn take_density(&mut self, density: PictureDensity) {
        self.density = Some(Explored::new(density));
    }

    /// The component that is looked at.
    #[must_use]
    pub fn component(&self) -> Option<&Component> {
        self.components.as_ref()?.value.list.get(self.chosen)
    }

    /// Makes the tiles of the component that is looked at.
    pub fn show_component(&mut self) {
        let Some(components) = self.components.as_ref().map(|c| c.value.clone()) else { return };
        let Some(component) = components.list.get(self.chosen) else { return };
        self.direction = Some(component.direction.clone().into());
        self.walked = Some(component.walk(&components.denoised, f64::from(self.walk)).into());
    }

    /// The region between two points of a picture of `shape`, in shares of it, with the pixels that they lie in.
    #[must_use]
    pub fn between(from: [f32; 2], to: [f32; 2], shape: Shape) -> Region {
        let pixel = |at: f32, size: usize| ((at.clamp(0.0, 1.0) * size as f32) as usize).min(size.saturating_sub(1));
        let span = |axis: usize, size: usize| {
            let [a, b] = [from[axis], to[axis]].map(|at| pixel(at, size));
            (a.min(b), a.abs_diff(b) + 1)
        };
        let ((x, width), (y, height)) = (span(0, shape.width), span(1, shape.height));
        Region { x, y, width, height }
    }

    /// The region, moved and cut so that it lies in pictures of `shape`.
    #[must_use]
    pub fn fitting(region: Region, shape: Shape) -> Region {
        let (width, height) = (region.width.clamp(1, shape.width), region.height.clamp(1, shape.height));
        Region { x: region.x.min(shape.width - width), y: region.y.min(shape.height - height), width, height }
    }
}

/// The standard deviation of each pixel, the root of the mean variance over the channels, in every channel; and the largest.
fn deviation(variance: &Picture) -> (Content, f32) {
    let shape = variance.shape();
    let pixels = shape.height * shape.width;
    let mean = |i: usize| (0..shape.channels).map(|c| variance.values()[c * pixels + i]).sum::<f32>();
    let map: Vec<f32> = (0..pixels).map(|i| (mean(i) / shape.channels as f32).max(0.0).sqrt()).collect();
    let largest = map.iter().copied().filter(|v| v.is_finite()).fold(1e-6, f32::max);
    (Picture::new(shape, map.repeat(shape.channels)).into(), largest)
}
