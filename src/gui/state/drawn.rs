//! What is drawn in the pane Explore: pictures from the model, fills of a hole, a picture on its way to another class.

use crate::Result;
use crate::gui::gpu::Content;
use crate::picture::{Picture, Shape};
use crate::study::lab::{Fill, Measurement, Position, Sample, moments, ranked_fills};

/// The most pictures of the grid.
pub const LARGEST_GRID: usize = 64;
/// The most fills.
pub const LARGEST_SHOWN: usize = 16;
/// The most churn that is worth sliding to: the step's limit is met earlier.
pub const LARGEST_CHURN: f64 = 100.0;
/// The most candidates for a fill.
pub const LARGEST_CANDIDATES: usize = 16;
/// How many frames of its way are kept of each picture.
pub const FRAMES: usize = 24;
/// The most bits that the dial may lose.
pub const LARGEST_TOLERATED: f64 = 1e5;
/// How many positions the dial has.
pub const POSITIONS: usize = 12;

/// The least and the largest share of the pixels that can be kept at random.
pub const KEPT: (f64, f64) = (0.01, 0.99);

/// What is known of the picture that is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// All but the painted hole.
    Painted,
    /// Each pixel with a probability.
    Random,
    /// The means of square blocks of this side: filled in, that is super-resolution.
    Blocks(usize),
}

impl Known {
    /// Whether it can be known of pictures of this shape: blocks have to fill them.
    #[must_use]
    pub fn fits(self, shape: Shape) -> bool {
        match self {
            Self::Painted | Self::Random => true,
            Self::Blocks(side) => Measurement::of_blocks("The blocks", shape, side).is_ok(),
        }
    }
}

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawForm {
    /// Restorations of the noisy picture, not pictures out of nothing.
    pub of_picture: bool,
    /// Out of nothing by the stochastic ascent, not by Heun's method.
    pub ascent: bool,
    /// How much noise is put back on the way of Heun's method, `S_churn` of Karras et al.
    pub churn: f64,
    /// How many pictures out of nothing.
    pub count: usize,
    /// How many restorations.
    pub restored: usize,
    /// What is known of the picture that is filled in.
    pub known: Known,
    /// The share of the pixels that is kept at random.
    pub kept: f64,
    /// How many fills.
    pub fills: usize,
    /// From how many candidates each is chosen.
    pub candidates: usize,
    /// Towards this class, of pictures and of fills.
    pub class: Option<usize>,
    /// w of `D + w(D_c − D)`.
    pub guidance: f64,
    /// How many Langevin steps follow at each level.
    pub corrections: usize,
    /// The radius of the brush, in pixels.
    pub brush: f32,
    /// The class that the dial turns to.
    pub target: usize,
    /// How many bits of log p may be lost on the way there.
    pub tolerance: f64,
    /// The largest length of the dial's change.
    pub radius: f64,
    /// The seed.
    pub seed: u64,
}

impl Default for DrawForm {
    fn default() -> Self {
        Self {
            of_picture: false,
            ascent: false,
            churn: 0.0,
            count: 16,
            restored: 64,
            known: Known::Painted,
            kept: 0.2,
            fills: 8,
            candidates: 2,
            class: None,
            guidance: 1.0,
            corrections: 0,
            brush: 2.5,
            target: 0,
            tolerance: 0.0,
            radius: 3.0,
            seed: 0,
        }
    }
}

impl DrawForm {
    /// The same with every number inside its limits, for a model of so many classes.
    #[must_use]
    pub fn mended(self, classes: usize) -> Self {
        let or = |value: f64, other: f64| if value.is_finite() { value } else { other };
        Self {
            churn: or(self.churn, 0.0).clamp(0.0, LARGEST_CHURN),
            count: self.count.clamp(1, LARGEST_GRID),
            restored: self.restored.clamp(1, LARGEST_GRID),
            kept: or(self.kept, 0.2).clamp(KEPT.0, KEPT.1),
            fills: self.fills.clamp(1, LARGEST_SHOWN),
            candidates: self.candidates.clamp(1, LARGEST_CANDIDATES),
            class: self.class.filter(|class| *class < classes),
            guidance: or(self.guidance, 1.0).clamp(0.0, 20.0),
            corrections: self.corrections.min(16),
            brush: if self.brush.is_finite() { self.brush.clamp(0.5, 64.0) } else { 2.5 },
            target: self.target.min(classes.saturating_sub(1)),
            tolerance: or(self.tolerance, 0.0).clamp(0.0, LARGEST_TOLERATED),
            radius: or(self.radius, 3.0).clamp(0.1, 20.0),
            ..self
        }
    }

    /// What is known of pictures of this shape, of which this was painted as the hole.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) if that is nothing or all.
    pub fn measurement(&self, shape: Shape, hole: &[bool]) -> Result<Measurement> {
        match self.known {
            Known::Painted => Measurement::without("The hole", shape, hole),
            // The fills' seed says which pixels, as on the command line.
            Known::Random => Measurement::of_random("The share of the pixels", shape, self.kept, self.seed),
            Known::Blocks(side) => Measurement::of_blocks("The blocks", shape, side),
        }
    }
}

/// The first number of the fills that are under way, and what they look like.
pub type Sketch = (usize, Vec<Picture>);

/// Of so many fills those that are there: the ones that are done, the most probable first, then those under way.
pub fn in_order<'a>(done: &'a [Fill], sketch: &'a Sketch, planned: usize) -> impl Iterator<Item = &'a Picture> {
    let rest = sketch.1.iter().skip(done.len().saturating_sub(sketch.0));
    ranked_fills(done).into_iter().map(|fill| &fill.picture).chain(rest).take(planned)
}

/// What is drawn.
#[derive(Debug, Default)]
pub struct Drawn {
    /// What a person chose.
    pub form: DrawForm,
    /// How much of what is under way is there.
    pub share: f32,
    /// It is to be asked in the next frame.
    pub wanted: bool,
    /// The pictures that are done.
    pub samples: Vec<Sample>,
    /// How many there are to be.
    planned: usize,
    /// `p(c | y)` of the noisy picture that they restore.
    pub posterior: Option<Vec<f64>>,
    /// How often Langevin steps were taken.
    pub acceptance: Option<f64>,
    /// The frame that is looked at, up to [`FRAMES`]: then the pictures themselves.
    pub frame: usize,
    /// Those that are under way: the first one's number, and what they look like.
    sketch: Sketch,
    /// All of them side by side.
    pub grid: Option<Content>,
    /// The painted hole, row after row.
    pub hole: Vec<bool>,
    /// What is known of the picture, if that can be filled in.
    pub measurement: Option<Measurement>,
    /// The picture with the hole, or the means of its blocks.
    pub holed: Option<Content>,
    /// The fills that are done.
    pub fills: Vec<Fill>,
    /// The fills side by side, the most probable first.
    pub filled: Option<Content>,
    /// Their mean.
    pub mean: Option<Content>,
    /// The standard deviation of each pixel over them, and the largest.
    pub spread: Option<(Content, f32)>,
    /// The dial's positions that are done.
    pub positions: Vec<Position>,
    /// The one that is looked at.
    pub position: usize,
    /// The picture there, with the density's say and by plain descent.
    pub turned: Option<[Content; 2]>,
}

impl Drawn {
    /// Another picture or model: what is here means nothing any more, but what a person chose.
    pub fn forget(&mut self) {
        *self = Self { form: self.form, frame: FRAMES, ..Self::default() };
    }

    /// Takes in what a person chose, of this picture.
    pub fn set_form(&mut self, form: DrawForm, picture: Option<&Content>) {
        let measures = |form: &DrawForm| (form.known, form.kept.to_bits(), form.seed);
        let is_other = measures(&form) != measures(&self.form);
        self.form = form;
        // What was not shown yet is shown once it is looked at.
        if is_other && self.holed.is_some() {
            self.holed = None;
            if let Some(picture) = picture {
                self.show_hole(picture.picture());
            }
        }
    }

    /// Pictures are asked for.
    pub fn begin_samples(&mut self, shape: Shape) {
        (self.samples, self.sketch, self.posterior, self.acceptance) = (Vec::new(), (0, Vec::new()), None, None);
        let planned = if self.form.of_picture { self.form.restored } else { self.form.count };
        (self.planned, self.frame, self.share) = (planned, FRAMES, 0.0);
        self.show_samples(shape);
    }

    /// Fills are asked for.
    pub fn begin_fills(&mut self) {
        (self.fills, self.sketch, self.filled, self.mean, self.spread) =
            (Vec::new(), (0, Vec::new()), None, None, None);
        (self.planned, self.share) = (self.form.fills, 0.0);
    }

    /// The dial is to be turned.
    pub fn begin_dial(&mut self) {
        (self.positions, self.turned, self.position, self.share) = (Vec::new(), None, 0, 0.0);
    }

    /// Takes in what pictures look like by now.
    pub fn take_sketch(&mut self, share: f32, first: usize, pictures: Vec<Picture>) {
        self.share = share;
        let Some(shape) = pictures.first().map(Picture::shape) else { return };
        self.sketch = (first, pictures);
        self.show_samples(shape);
    }

    /// Takes in pictures that are done.
    pub fn take_samples(&mut self, samples: Vec<Sample>) {
        self.samples.extend(samples);
        if let Some(shape) = self.samples.first().map(|sample| sample.picture.shape()) {
            self.show_samples(shape);
        }
    }

    /// Makes the grid of the frame that is looked at.
    pub fn show_samples(&mut self, shape: Shape) {
        let one = |index: usize| match self.samples.get(index) {
            Some(sample) => Some(sample.frames.get(self.frame).map_or(&sample.picture, |frame| &frame.noisy)),
            None => index.checked_sub(self.sketch.0).and_then(|at| self.sketch.1.get(at)),
        };
        let pictures: Vec<Option<&Picture>> = (0..self.planned).map(one).collect();
        self.grid = Some(mosaic(shape, &pictures).into());
    }

    /// What the fills under way look like.
    pub fn take_fill_sketch(&mut self, share: f32, first: usize, pictures: Vec<Picture>) {
        self.share = share;
        self.sketch = (first, pictures);
        self.show_fills();
    }

    /// Takes in fills that are done.
    pub fn take_fills(&mut self, fills: Vec<Fill>) {
        self.fills.extend(fills);
        self.show_fills();
        if !self.fills.is_empty() {
            let (mean, deviation) = moments(&self.fills);
            let largest = deviation.values().iter().copied().filter(|v| v.is_finite()).fold(1e-6, f32::max);
            (self.mean, self.spread) = (Some(mean.into()), Some((deviation.into(), largest)));
        }
    }

    fn show_fills(&mut self) {
        let mut pictures: Vec<Option<&Picture>> = in_order(&self.fills, &self.sketch, self.planned).map(Some).collect();
        pictures.resize(self.planned, None);
        let Some(shape) = pictures.iter().flatten().next().map(|picture| picture.shape()) else { return };
        self.filled = Some(mosaic(shape, &pictures).into());
    }

    /// Takes in a position of the dial.
    pub fn take_position(&mut self, position: Position, target: usize) {
        // The first that is one of the class is what a person looks for.
        let is_there = self.positions.iter().any(|position| position.tolerated.is(target));
        self.positions.push(position);
        if !is_there {
            self.position = self.positions.len() - 1;
        }
        self.show_position();
    }

    /// Makes the tiles of the position that is looked at.
    pub fn show_position(&mut self) {
        let shown = self.positions.get(self.position);
        self.turned = shown.map(|at| [at.tolerated.picture.clone().into(), at.plain.picture.clone().into()]);
    }

    /// Paints hole, or picture, along a stroke between two points of the picture, from 0 to 1 across it.
    pub fn paint(&mut self, picture: &Picture, from: [f32; 2], to: [f32; 2], is_hole: bool) {
        let shape = picture.shape();
        self.hole.resize(shape.height * shape.width, false);
        let place = |at: [f32; 2]| [at[0] * shape.width as f32, at[1] * shape.height as f32];
        let (from, to) = (place(from), place(to));
        for (index, hole) in self.hole.iter_mut().enumerate() {
            let at = [(index % shape.width) as f32 + 0.5, (index / shape.width) as f32 + 0.5];
            if distance(at, from, to) <= self.form.brush {
                *hole = is_hole;
            }
        }
        self.show_hole(picture);
    }

    /// No hole.
    pub fn clear_hole(&mut self, picture: &Picture) {
        self.hole = vec![false; picture.shape().height * picture.shape().width];
        self.show_hole(picture);
    }

    /// Makes the tile of what is known of the picture: with its hole, or the means of its blocks.
    pub fn show_hole(&mut self, picture: &Picture) {
        let shape = picture.shape();
        self.hole.resize(shape.height * shape.width, false);
        // Another model's pictures may not be of whole blocks.
        if !self.form.known.fits(shape) {
            self.form.known = Known::Painted;
        }
        self.measurement = self.form.measurement(shape, &self.hole).ok();
        let holed = match (self.form.known, &self.measurement) {
            // A hole that leaves nothing is shown too.
            (Known::Painted, _) => with_hole(picture, &self.hole),
            (_, Some(known)) => known.hole().map_or_else(|| known.known_of(picture), |hole| with_hole(picture, &hole)),
            (_, None) => picture.clone(),
        };
        self.holed = Some(holed.into());
    }

    /// How many pixels of the hole are painted.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.hole.iter().filter(|hole| **hole).count()
    }
}

/// The picture with a chequered grey in its hole.
fn with_hole(picture: &Picture, hole: &[bool]) -> Picture {
    let (pixels, width) = (hole.len(), picture.shape().width);
    let mut holed = picture.clone();
    for (at, value) in holed.values_mut().iter_mut().enumerate() {
        let (x, y) = (at % pixels % width, at % pixels / width);
        if hole[at % pixels] {
            *value = if (x + y) % 2 == 0 { 0.45 } else { 0.55 };
        }
    }
    holed
}

/// How far a point is from the line between two others.
pub(super) fn distance(point: [f32; 2], from: [f32; 2], to: [f32; 2]) -> f32 {
    let (along, off) = ([to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let t = if length > 0.0 { ((off[0] * along[0] + off[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (off[0] - t * along[0]).hypot(off[1] - t * along[1])
}

/// Pictures side by side in as even a grid as can be, with a pixel of grey between them; grey where there is none yet.
#[must_use]
pub fn mosaic(shape: Shape, pictures: &[Option<&Picture>]) -> Picture {
    const GREY: f32 = 0.35;
    let columns = (pictures.len() as f64).sqrt().ceil().max(1.0) as usize;
    let rows = pictures.len().div_ceil(columns).max(1);
    let size = |count: usize, side: usize| count * (side + 1) - 1;
    let all = Shape::new(shape.channels, size(rows, shape.height), size(columns, shape.width));
    let mut values = vec![GREY; all.len()];
    for (index, picture) in pictures.iter().enumerate() {
        let Some(picture) = picture.filter(|picture| picture.shape() == shape) else { continue };
        let (top, left) = (index / columns * (shape.height + 1), index % columns * (shape.width + 1));
        for (line, row) in picture.values().chunks_exact(shape.width).enumerate() {
            let (channel, y) = (line / shape.height, line % shape.height);
            let at = (channel * all.height + top + y) * all.width + left;
            values[at..at + shape.width].copy_from_slice(row);
        }
    }
    Picture::new(all, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mosaic_has_every_picture_at_its_place() {
        let shape = Shape::new(2, 2, 3);
        let pictures: Vec<Picture> = (0..3).map(|k| Picture::filled(shape, k as f32)).collect();
        let all = mosaic(shape, &[Some(&pictures[0]), Some(&pictures[1]), None, Some(&pictures[2]), None]);
        assert_eq!(all.shape(), Shape::new(2, 5, 11));
        for channel in 0..2 {
            let at = |x: usize, y: usize| all.at(channel, y, x);
            assert!(at(0, 0) == 0.0 && at(4, 1) == 1.0 && at(2, 4) == 2.0);
            assert!([at(3, 0), at(8, 0), at(5, 3), at(0, 2)].iter().all(|v| (v - 0.35).abs() < 1e-6));
        }
    }

    #[test]
    fn a_stroke_of_the_brush_makes_a_hole_and_takes_it_back() {
        let picture = Picture::filled(Shape::new(3, 8, 8), 0.9);
        let mut drawn = Drawn { form: DrawForm { brush: 1.0, ..DrawForm::default() }, ..Drawn::default() };
        drawn.paint(&picture, [0.25, 0.5], [0.75, 0.5], true);
        assert!((8..=20).contains(&drawn.missing()), "{}", drawn.missing());
        let holed = drawn.holed.clone().unwrap();
        let grey = holed.picture().values().iter().filter(|v| **v < 0.6).count();
        assert_eq!(grey, 3 * drawn.missing());
        drawn.paint(&picture, [0.0, 0.5], [1.0, 0.5], false);
        assert_eq!(drawn.missing(), 0);
    }

    #[test]
    fn numbers_that_are_none_are_mended() {
        let wild = DrawForm {
            count: usize::MAX,
            restored: 0,
            fills: 0,
            candidates: usize::MAX,
            class: Some(9),
            guidance: f64::NAN,
            corrections: usize::MAX,
            brush: f32::INFINITY,
            target: 99,
            tolerance: -1.0,
            kept: f64::NAN,
            radius: f64::INFINITY,
            ..DrawForm::default()
        };
        let mended = wild.mended(3);
        assert_eq!((mended.count, mended.fills, mended.class, mended.target), (LARGEST_GRID, 1, None, 2));
        assert!(mended.guidance.is_finite() && mended.brush.is_finite() && mended.tolerance == 0.0);
        assert_eq!((mended.restored, mended.candidates), (1, LARGEST_CANDIDATES));
        assert!((mended.kept - 0.2).abs() < 1e-9);
        assert!((mended.radius - 3.0).abs() < 1e-9 && mended.corrections == 16);
    }
}
