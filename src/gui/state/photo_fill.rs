//! What could be in a hole of the photograph: fills as they come, their mean and their spread.

use std::time::Instant;

use super::drawn::{Sketch, in_order};
use super::hole::{Hole, Piece, Tool};
use super::pace::Pace;
use crate::gui::gpu::Content;
use crate::picture::{Picture, Shape};
use crate::study::lab::{Fill, Region, moments, ranked_fills};
use crate::study::looks::SEQUENTIAL;

/// The most fills.
pub const MOST_FILLS: usize = 8;
/// The brush's smallest and largest radius, in pixels of the photograph.
pub const BRUSH: (f32, f32) = (1.0, 256.0);

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FillLook {
    /// The hole that is painted.
    #[default]
    Hole,
    /// A fill, by its place: the most probable first.
    Fill(usize),
    /// The mean of the fills.
    Mean,
    /// How much they differ, pixel by pixel.
    Spread,
}

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillForm {
    /// What the hole is painted with.
    pub tool: Tool,
    /// The brush's radius, in pixels of the photograph.
    pub brush: f32,
    /// How many fills.
    pub count: usize,
    /// The seed.
    pub seed: u64,
}

impl Default for FillForm {
    fn default() -> Self {
        Self { tool: Tool::Brush, brush: 8.0, count: 4, seed: 0 }
    }
}

impl FillForm {
    /// The same with every number inside its limits.
    #[must_use]
    pub fn mended(self) -> Self {
        let brush = if self.brush.is_finite() { self.brush } else { Self::default().brush };
        Self { brush: brush.clamp(BRUSH.0, BRUSH.1), count: self.count.clamp(1, MOST_FILLS), ..self }
    }
}

/// A part of the photograph in place of what is there.
#[derive(Debug, Clone)]
pub struct Over {
    /// Where it lies.
    pub region: Region,
    /// What is shown there.
    pub content: Content,
}

/// The hole and its fills.
#[derive(Debug, Default)]
pub struct PhotoFill {
    /// What a person chose.
    pub form: FillForm,
    /// The hole.
    pub hole: Hole,
    /// What is looked at.
    pub look: FillLook,
    /// How much of the fills is done, from 0 to 1.
    pub share: f32,
    /// How fast that goes on.
    pub pace: Pace,
    /// The fills that are done; their pictures are of the region.
    pub list: Vec<Fill>,
    /// How many there are to be.
    planned: usize,
    /// What the model sees of the photograph.
    region: Option<Region>,
    /// The photograph there.
    part: Option<Picture>,
    /// Those that are under way: the first one's number, and what they look like.
    sketch: Sketch,
    /// The fills in the order of their places, then what is under way.
    shown: Vec<Content>,
    mean: Option<Content>,
    /// As colours, and the largest deviation of a pixel.
    spread: Option<(Content, f32)>,
}

impl PhotoFill {
    /// Another picture or model: what is here means nothing any more, but what a person chose.
    pub fn forget(&mut self) {
        *self = Self { form: self.form, ..Self::default() };
    }

    /// Paints a piece of a stroke into a photograph of this width and height. What was filled is of another hole then.
    pub fn paint(&mut self, size: [usize; 2], piece: Piece, begins: bool) {
        if self.hole.paint(size, piece, begins) {
            self.empty();
        }
    }

    /// Takes the last stroke back.
    pub fn undo(&mut self) {
        self.hole.undo();
        self.empty();
    }

    /// No hole.
    pub fn clear(&mut self) {
        self.hole = Hole::default();
        self.empty();
    }

    fn empty(&mut self) {
        *self = Self { form: self.form, hole: std::mem::take(&mut self.hole), ..Self::default() };
    }

    /// Fills of a region are asked for, which looks like this.
    pub fn begin(&mut self, region: Region, part: Picture) {
        self.empty();
        (self.planned, self.region, self.part) = (self.form.count, Some(region), Some(part));
        self.look = FillLook::Fill(0);
    }

    /// Nothing is under way any more.
    pub fn stop(&mut self) {
        (self.pace, self.sketch) = (Pace::default(), (0, Vec::new()));
        self.show();
        if self.list.is_empty() {
            self.look = FillLook::Hole;
        }
    }

    /// Takes in what the fills under way look like.
    pub fn take_sketch(&mut self, share: f32, first: usize, pictures: Vec<Picture>) {
        self.share = share;
        self.pace.note(f64::from(share), Instant::now());
        self.sketch = (first, pictures);
        self.show();
    }

    /// Takes in fills that are done.
    pub fn take(&mut self, fills: Vec<Fill>) {
        self.list.extend(fills);
        self.show();
    }

    fn show(&mut self) {
        let pictures = in_order(&self.list, &self.sketch, self.planned);
        self.shown = pictures.map(|picture| picture.clone().into()).collect();
        if !self.list.is_empty() {
            let (mean, deviation) = moments(&self.list);
            (self.mean, self.spread) = (Some(mean.into()), self.coloured(&deviation));
        }
        // Those under way may be fewer than were looked at.
        if let FillLook::Fill(place) = self.look {
            self.look = FillLook::Fill(place.min(self.shown.len().saturating_sub(1)));
        }
    }

    /// Deviations as colours inside the hole, the photograph around it.
    fn coloured(&self, deviation: &Picture) -> Option<(Content, f32)> {
        let (part, region) = (self.part.as_ref()?, self.region?);
        let Shape { channels, height, width } = deviation.shape();
        let of = |x: usize, y: usize| {
            let squares: f32 = (0..channels).map(|c| deviation.at(c, y, x).powi(2)).sum();
            (squares / channels as f32).sqrt()
        };
        let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let most = all.clone().map(|(x, y)| of(x, y)).filter(|v| v.is_finite()).fold(1e-6, f32::max);
        let colour = |x: usize, y: usize| {
            let around = [0, 1, 2].map(|c: usize| part.at(c.min(channels - 1), y, x));
            let is_hole = self.hole.is_missing(region.x + x, region.y + y);
            if is_hole { SEQUENTIAL.at(of(x, y) / most) } else { around }
        };
        let colours: Vec<[f32; 3]> = all.map(|(x, y)| colour(x, y)).collect();
        let values = (0..3).flat_map(|c| colours.iter().map(move |colour| colour[c])).collect();
        Some((Picture::new(Shape::new(3, height, width), values).into(), most))
    }

    /// How many fills there are to be.
    #[must_use]
    pub fn planned(&self) -> usize {
        self.planned
    }

    /// How many there are to look at.
    #[must_use]
    pub fn places(&self) -> usize {
        self.shown.len()
    }

    /// Looks at something, where it is there.
    pub fn look_at(&mut self, look: FillLook) {
        let is_there = match look {
            FillLook::Hole => true,
            FillLook::Fill(place) => place < self.shown.len(),
            FillLook::Mean | FillLook::Spread => !self.list.is_empty(),
        };
        if is_there {
            self.look = look;
        }
    }

    /// The fill that is looked at, if it is done.
    #[must_use]
    pub fn fill(&self) -> Option<&Fill> {
        let FillLook::Fill(place) = self.look else { return None };
        ranked_fills(&self.list).into_iter().nth(place)
    }

    /// Whether what is looked at is a picture to keep: a fill that is done, or the mean.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.fill().is_some() || (self.look == FillLook::Mean && self.mean.is_some())
    }

    /// How many bits the fill that is looked at is less probable than the most probable.
    #[must_use]
    pub fn bits_below(&self) -> Option<f64> {
        let best = ranked_fills(&self.list).into_iter().next()?.log_density?;
        Some((best - self.fill()?.log_density?) / std::f64::consts::LN_2)
    }

    /// The largest standard deviation of a pixel over the fills.
    #[must_use]
    pub fn most_spread(&self) -> Option<f32> {
        Some(self.spread.as_ref()?.1)
    }

    /// What is shown in place of a part of the photograph.
    #[must_use]
    pub fn over(&self) -> Option<Over> {
        let content = match self.look {
            FillLook::Hole => None,
            FillLook::Fill(place) => self.shown.get(place),
            FillLook::Mean => self.mean.as_ref(),
            FillLook::Spread => self.spread.as_ref().map(|(content, _)| content),
        };
        Some(Over { region: self.region?, content: content?.clone() })
    }

    /// The whole photograph with what is looked at in its hole and all else as it was; none where that is no finished picture.
    #[must_use]
    pub fn filled(&self, photograph: &Picture) -> Option<Picture> {
        let fill = match self.look {
            FillLook::Fill(_) => &self.fill()?.picture,
            FillLook::Mean => self.mean.as_ref()?.picture(),
            FillLook::Hole | FillLook::Spread => return None,
        };
        let (region, shape) = (self.region?, photograph.shape());
        let mut all = photograph.clone();
        let hole = self.hole.within(region);
        for at in (0..hole.len()).filter(|at| hole[*at]) {
            let (x, y) = (at % region.width, at / region.width);
            for channel in 0..shape.channels {
                let place = (channel * shape.height + region.y + y) * shape.width + region.x + x;
                all.values_mut()[place] = fill.at(channel, y, x);
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(number: usize, value: f32, log_density: f64) -> Fill {
        let picture = Picture::filled(Shape::new(1, 4, 5), value);
        Fill {
            number,
            picture,
            posterior: Vec::new(),
            log_density: Some(log_density),
            fidelity: None,
            frames: Vec::new(),
        }
    }

    fn begun() -> (PhotoFill, Picture) {
        let photograph = Picture::filled(Shape::new(1, 20, 30), 0.5);
        let mut state = PhotoFill::default();
        let piece = Piece { tool: Tool::Brush, from: [12.0, 7.0], to: [12.0, 7.0], radius: 1.5, is_hole: true };
        state.paint([30, 20], piece, true);
        let region = Region { x: 10, y: 5, width: 5, height: 4 };
        state.begin(region, Picture::filled(Shape::new(1, 4, 5), 0.5));
        (state, photograph)
    }

    #[test]
    fn fills_come_in_rank_by_log_p_and_change_nothing_but_the_hole() {
        let (mut state, photograph) = begun();
        assert!(state.over().is_none() && state.filled(&photograph).is_none());
        state.take_sketch(0.5, 0, vec![Picture::filled(Shape::new(1, 4, 5), 0.3); 2]);
        assert!(state.over().is_some() && state.filled(&photograph).is_none(), "under way");
        state.take(vec![fill(0, 0.1, -9.0), fill(1, 0.9, -2.0)]);
        assert_eq!(state.places(), 2);
        let filled = state.filled(&photograph).expect("a picture");
        for y in 0..20 {
            for x in 0..30 {
                let wanted = if state.hole.is_missing(x, y) { 0.9 } else { 0.5 };
                assert!((filled.at(0, y, x) - wanted).abs() < 1e-6, "{x}, {y}");
            }
        }
        assert!(state.bits_below().unwrap().abs() < 1e-9);
        state.look_at(FillLook::Fill(1));
        assert!((state.bits_below().unwrap() - 7.0 / std::f64::consts::LN_2).abs() < 1e-9);
        state.look_at(FillLook::Mean);
        assert!((state.filled(&photograph).unwrap().at(0, 7, 12) - 0.5).abs() < 1e-6);
        state.look_at(FillLook::Spread);
        assert!(state.filled(&photograph).is_none());
        // Of 0.1 and 0.9.
        assert!((state.most_spread().unwrap() - 0.4 * 2.0_f32.sqrt()).abs() < 1e-5);
        let colours = state.over().unwrap().content;
        assert_eq!(colours.picture().shape(), Shape::new(3, 4, 5));
        assert!((colours.picture().at(2, 0, 0) - 0.5).abs() < 1e-6, "the photograph around the hole");
        state.look_at(FillLook::Fill(9));
        assert_eq!(state.look, FillLook::Spread);
        let more = Piece { tool: Tool::Brush, from: [3.0, 3.0], to: [4.0, 4.0], radius: 2.0, is_hole: true };
        state.paint([30, 20], more, true);
        assert!(state.list.is_empty() && state.look == FillLook::Hole && state.over().is_none());
    }

    #[test]
    fn what_is_stopped_keeps_what_is_done() {
        let (mut state, _) = begun();
        state.stop();
        assert_eq!((state.look, state.places()), (FillLook::Hole, 0));
        let (mut state, _) = begun();
        state.take(vec![fill(0, 0.1, -9.0)]);
        state.take_sketch(0.5, 1, vec![Picture::filled(Shape::new(1, 4, 5), 0.3)]);
        state.look_at(FillLook::Fill(1));
        state.stop();
        assert_eq!((state.look, state.places()), (FillLook::Fill(0), 1));
    }

    #[test]
    fn numbers_that_are_none_are_mended() {
        let wild = FillForm { brush: f32::NAN, count: usize::MAX, seed: 3, ..FillForm::default() };
        assert_eq!(wild.mended(), FillForm { count: MOST_FILLS, seed: 3, ..FillForm::default() });
        let (large, mended) =
            (FillForm { brush: 1e9, count: 0, ..wild }, FillForm { brush: BRUSH.1, count: 1, ..wild });
        assert_eq!(large.mended(), mended);
    }
}
