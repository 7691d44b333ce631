//! The photograph at its own size: what is looked at, and how much of it is restored.

use std::collections::HashMap;

use eframe::egui::{TextureHandle, TextureId};

use super::pace::Pace;
use super::photo_fill::PhotoFill;
use crate::gui::gpu::Content;
use crate::picture::{Picture, Shape};

/// A picture with what it is when it is made smaller by halves, so that a part of any size is drawn from few values.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    levels: Vec<Content>,
}

impl Layer {
    /// No side of the smallest of its pictures is longer.
    const SMALLEST: usize = 512;

    /// The picture and its halves.
    #[must_use]
    pub fn of(full: Content) -> Self {
        let mut levels = vec![full];
        loop {
            let last = levels[levels.len() - 1].picture();
            if last.shape().width.max(last.shape().height) <= Self::SMALLEST {
                return Self { levels };
            }
            let half = halved(last).into();
            levels.push(half);
        }
    }

    /// At its own size.
    #[must_use]
    pub fn full(&self) -> &Content {
        &self.levels[0]
    }

    /// Halved so many times, or as often as it was.
    #[must_use]
    pub fn level(&self, level: usize) -> &Content {
        &self.levels[level.min(self.levels.len() - 1)]
    }

    /// How often it was halved.
    #[must_use]
    pub fn halvings(&self) -> usize {
        self.levels.len() - 1
    }

    /// The level of which a pixel takes at most one on the screen, where a pixel of the picture takes `scale` of them.
    #[must_use]
    pub fn level_for(&self, scale: f32) -> usize {
        let halvings = (1.0 / scale.max(1e-6)).log2().floor().max(0.0) as usize;
        halvings.min(self.halvings())
    }
}

/// The means over squares of two by two pixels, at the right and lower edge of what there is of them.
#[must_use]
pub fn halved(picture: &Picture) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    let shape = Shape::new(channels, height.div_ceil(2), width.div_ceil(2));
    let mut values = Vec::with_capacity(shape.len());
    for channel in 0..channels {
        let plane = picture.plane(channel);
        for y in 0..shape.height {
            let above = &plane[2 * y * width..][..width];
            let below = &plane[(2 * y + 1).min(height - 1) * width..][..width];
            values.extend(above.chunks(2).zip(below.chunks(2)).map(|(a, b)| {
                let sum: f32 = a.iter().chain(b).sum();
                sum / (a.len() + b.len()) as f32
            }));
        }
    }
    Picture::new(shape, values)
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// The restored picture left of a line, the noisy one right of it.
    #[default]
    Wipe,
    /// The restored picture.
    Restored,
    /// The noisy picture.
    Noisy,
    /// The picture before noise was added.
    Clean,
    /// The same with a hole, to paint and to fill.
    Fill,
}

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// How often the picture was halved first.
    pub level: usize,
    /// First column and row.
    pub from: [usize; 2],
    /// Columns and rows.
    pub size: [usize; 2],
}

impl Part {
    /// Whether all of `other` is in it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let inside =
            |i: usize| self.from[i] <= other.from[i] && other.from[i] + other.size[i] <= self.from[i] + self.size[i];
        self.level == other.level && inside(0) && inside(1)
    }

    /// The part itself of the picture of its level.
    #[must_use]
    pub fn cut(&self, picture: &Picture) -> Picture {
        let Shape { channels, width, .. } = picture.shape();
        let [left, top] = self.from;
        let [wide, high] = self.size;
        let mut values = Vec::with_capacity(channels * wide * high);
        for channel in 0..channels {
            for row in picture.plane(channel).chunks_exact(width).skip(top).take(high) {
                values.extend_from_slice(&row[left..left + wide]);
            }
        }
        Picture::new(Shape::new(channels, high, wide), values)
    }
}

/// A restored part, before the whole is.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Where it lies.
    pub part: Part,
    /// D over it.
    pub content: Content,
}

/// Where the photograph is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhotoView {
    /// Points of the screen that a pixel of the picture takes; none for all of the picture.
    pub scale: Option<f32>,
    /// What lies in the middle, as parts of width and height.
    pub centre: [f32; 2],
}

impl Default for PhotoView {
    fn default() -> Self {
        Self { scale: None, centre: [0.5, 0.5] }
    }
}

impl PhotoView {
    /// The largest scale, in points a pixel.
    pub const MOST: f32 = 96.0;

    /// Points a pixel in a tile of this size, for a picture of this size.
    #[must_use]
    pub fn points(self, picture: [f32; 2], tile: [f32; 2]) -> f32 {
        let fit = (tile[0] / picture[0]).min(tile[1] / picture[1]).max(1e-4);
        self.scale.map_or(fit, |scale| scale.clamp(fit.min(1.0), Self::MOST))
    }

    /// Zooms by `factor` about a point of the tile, given in points about its middle.
    pub fn zoom_about(&mut self, factor: f32, about: [f32; 2], picture: [f32; 2], tile: [f32; 2]) {
        let before = self.points(picture, tile);
        self.scale = Some(before * factor);
        let after = self.points(picture, tile);
        self.scale = Some(after);
        for i in 0..2 {
            self.centre[i] += (about[i] / before - about[i] / after) / picture[i];
        }
        self.keep(picture, tile);
    }

    /// Moves by so many points, keeping the picture in sight.
    pub fn pan(&mut self, by: [f32; 2], picture: [f32; 2], tile: [f32; 2]) {
        let points = self.points(picture, tile);
        for i in 0..2 {
            self.centre[i] -= by[i] / points / picture[i];
        }
        self.keep(picture, tile);
    }

    /// Keeps the tile full of picture where there is enough of it, else the picture in the tile's middle.
    fn keep(&mut self, picture: [f32; 2], tile: [f32; 2]) {
        let points = self.points(picture, tile);
        for i in 0..2 {
            let half = (0.5 * tile[i] / points / picture[i]).min(0.5);
            self.centre[i] = self.centre[i].clamp(half, 1.0 - half);
        }
    }
}

/// The whole photograph restored.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The picture.
    pub layer: Layer,
    /// PSNR of the noisy and the restored picture, in decibels, where the clean one is known.
    pub psnr: Option<[f64; 2]>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// It is of another noise level, class or model.
    pub stale: bool,
}

/// Cells of pictures as textures of egui's.
#[derive(Default)]
pub struct Cells {
    textures: HashMap<(u64, usize, usize, bool), (TextureHandle, u64)>,
    /// The last frame that made some, and how many.
    made: (u64, usize),
}

impl Cells {
    /// Frames that a cell is kept for without being drawn.
    const KEPT: u64 = 60;

    /// How many were made in this frame.
    #[must_use]
    pub fn made(&self, frame: u64) -> usize {
        if self.made.0 == frame { self.made.1 } else { 0 }
    }

    /// A cell that was made already: of which content, at which column and row, with square pixels or without.
    pub fn get(&mut self, key: (u64, usize, usize, bool), frame: u64) -> Option<TextureId> {
        let (texture, used) = self.textures.get_mut(&key)?;
        *used = frame;
        Some(texture.id())
    }

    /// Keeps a cell that was made now, and lets go of those that were not drawn for a while.
    pub fn put(&mut self, key: (u64, usize, usize, bool), frame: u64, texture: TextureHandle) -> TextureId {
        self.made = (frame, self.made(frame) + 1);
        self.textures.retain(|_, (_, used)| *used + Self::KEPT > frame);
        let id = texture.id();
        self.textures.insert(key, (texture, frame));
        id
    }
}

impl std::fmt::Debug for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cells").field("textures", &self.textures.len()).finish_non_exhaustive()
    }
}

/// The photograph, what is looked at of it, and how far it is restored.
#[derive(Debug)]
pub struct Photo {
    /// The class that it is restored as; without one, freely.
    pub class: Option<usize>,
    /// What is shown.
    pub shown: Shown,
    /// Where the line of the wipe stands, as a part of the picture's width.
    pub wipe: f32,
    /// Zoom and place.
    pub view: PhotoView,
    /// What was in sight in the last frame.
    pub seen: Option<Part>,
    /// The picture itself, in the model's colours.
    pub base: Option<Layer>,
    /// With noise on it.
    pub noisy: Option<Layer>,
    /// The noisy picture is of another noise level, and the new one is on its way.
    pub noisy_is_stale: bool,
    /// Restored parts of what is in sight.
    pub patches: Vec<Patch>,
    /// The whole, once it is there.
    pub whole: Option<Whole>,
    /// How much of the whole is restored, from 0 to 1.
    pub share: f32,
    /// How fast that goes on.
    pub pace: Pace,
    /// The person stopped it.
    pub stopped: bool,
    /// What was restored last may not be what is asked for: that is not known yet.
    pub in_doubt: bool,
    /// Width and height of where it is shown, in points; from the last frame.
    pub tile: [f32; 2],
    /// A hole in it, and what could be there.
    pub fill: PhotoFill,
    /// What of it is on the screen already.
    pub cells: Cells,
}

impl Default for Photo {
    fn default() -> Self {
        Self {
            class: None,
            shown: Shown::default(),
            wipe: 0.5,
            view: PhotoView::default(),
            seen: None,
            base: None,
            noisy: None,
            noisy_is_stale: false,
            patches: Vec::new(),
            whole: None,
            share: 0.0,
            pace: Pace::default(),
            stopped: false,
            in_doubt: false,
            tile: [1.0; 2],
            fill: PhotoFill::default(),
            cells: Cells::default(),
        }
    }
}

impl Photo {
    /// Another picture or model: what is here means nothing any more.
    pub fn forget(&mut self) {
        let Self { class, shown, wipe, seen, tile, stopped, .. } = *self;
        let mut fill = std::mem::take(&mut self.fill);
        fill.forget();
        *self = Self { class, shown, wipe, seen, stopped, tile, fill, ..Self::default() };
    }

    /// The whole, if it is of the present noise level, class and model.
    #[must_use]
    pub fn result(&self) -> Option<&Whole> {
        self.whole.as_ref().filter(|whole| !whole.stale && !self.in_doubt)
    }

    /// Width and height of the picture, once it is there.
    #[must_use]
    pub fn size(&self) -> Option<[f32; 2]> {
        let shape = self.base.as_ref()?.full().picture().shape();
        Some([shape.width as f32, shape.height as f32])
    }

    /// Zooms about the middle.
    pub fn zoom(&mut self, factor: f32) {
        if let Some(size) = self.size().filter(|_| factor.is_finite() && factor > 0.0) {
            self.view.zoom_about(factor, [0.0, 0.0], size, self.tile);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(channels: usize, height: usize, width: usize) -> Picture {
        let shape = Shape::new(channels, height, width);
        Picture::new(shape, (0..shape.len()).map(|i| i as f32).collect())
    }

    #[test]
    fn halves_are_means_of_what_there_is() {
        let half = halved(&ramp(1, 3, 5));
        assert_eq!(half.shape(), Shape::new(1, 2, 3));
        // 0 1 | 2 3 | 4 ; 5 6 | 7 8 | 9 ; 10 11 | 12 13 | 14
        assert_eq!(half.values(), [3.0, 5.0, 6.5, 10.5, 12.5, 14.0]);
    }

    #[test]
    fn layers_are_halved_until_they_are_small_and_chosen_by_the_screen() {
        let layer = Layer::of(Picture::filled(Shape::new(3, 600, 2100), 0.25).into());
        assert_eq!(layer.halvings(), 3);
        assert_eq!(layer.level(3).picture().shape(), Shape::new(3, 75, 263));
        assert!(layer.level(9).picture().values().iter().all(|v| (v - 0.25).abs() < 1e-6));
        for (scale, level) in [(8.0, 0), (1.0, 0), (0.51, 0), (0.5, 1), (0.2, 2), (0.001, 3)] {
            assert_eq!(layer.level_for(scale), level, "{scale}");
        }
    }

    #[test]
    fn parts_are_cut_and_contain_each_other() {
        let part = Part { level: 0, from: [1, 2], size: [2, 1] };
        assert_eq!(part.cut(&ramp(2, 4, 5)).values(), [11.0, 12.0, 31.0, 32.0]);
        let larger = Part { level: 0, from: [0, 0], size: [3, 3] };
        assert!(larger.contains(&part) && !part.contains(&larger));
        assert!(!larger.contains(&Part { level: 1, ..part }));
    }

    #[test]
    fn the_view_keeps_the_point_under_the_pointer_and_the_picture_in_sight() {
        let (picture, tile) = ([4000.0, 3000.0], [800.0, 600.0]);
        let mut view = PhotoView::default();
        assert!((view.points(picture, tile) - 0.2).abs() < 1e-6);
        let under = |view: PhotoView, about: f32| view.centre[0] * picture[0] + about / view.points(picture, tile);
        let before = under(view, 100.0);
        view.zoom_about(10.0, [100.0, 50.0], picture, tile);
        assert!((view.points(picture, tile) - 2.0).abs() < 1e-4);
        assert!((under(view, 100.0) - before).abs() < 0.1);
        view.pan([1e9, -1e9], picture, tile);
        assert!((view.centre[0] - 0.05).abs() < 1e-5 && (view.centre[1] - 0.95).abs() < 1e-5);
        view.zoom_about(1e-9, [0.0, 0.0], picture, tile);
        assert!((view.points(picture, tile) - 0.2).abs() < 1e-6 && (view.centre[0] - 0.5).abs() < 1e-6);
        view.zoom_about(1e9, [0.0, 0.0], picture, tile);
        assert!((view.points(picture, tile) - PhotoView::MOST).abs() < 1e-3);
    }
}
